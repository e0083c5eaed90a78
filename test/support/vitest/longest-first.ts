import { statSync } from "node:fs";
import { relative } from "node:path";
import { BaseSequencer } from "vitest/node";
import type { TestSpecification } from "vitest/node";

/** What takes longest, as it was measured: vitest itself knows nothing on a fresh clone. */
const longest = [
  "test/guest/deaths.test.ts",
  "test/simulation/exhaustive.test.ts",
  "test/crash/every-boundary.test.ts",
  "test/damage/damage.test.ts",
  "test/races/races.test.ts",
  "test/suites/driver.test.ts",
  "test/crash/kills.test.ts",
  "test/disk/disk.test.ts",
  "test/guest/live.test.ts",
  "test/guest/sizes.test.ts",
  "test/guest/zstd.test.ts",
  "test/cli/pack.test.ts",
  "test/cli/examples.test.ts",
  "test/cli/build.test.ts",
  "test/guest/agent.test.ts",
  "test/cli/failures.test.ts",
  "test/cli/deactivate.test.ts",
  "test/cli/guests.test.ts",
  "test/unit/commands/rules/large-domain.test.ts",
  "test/simulation/simulate.test.ts",
];

/** With two workers, a long file that begins last keeps one of them waiting. Of the others, the larger ones come first. */
export class LongestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ project, moduleId }: TestSpecification): number => {
      const place = longest.indexOf(relative(project.config.root, moduleId));
      return place === -1 ? longest.length : place;
    };
    const bytes = ({ moduleId }: TestSpecification): number => statSync(moduleId).size;
    return Promise.resolve(files.sort((a, b) => rank(a) - rank(b) || bytes(b) - bytes(a)));
  }
}
