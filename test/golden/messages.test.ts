import { join } from "node:path";
import { expect, it } from "vitest";
import { sentences } from "./messages.ts";

/** Whoever changes what users read sees all of it change, in one file: `npx vitest run test/golden/messages.test.ts -u`. */
it("every message, hint and help text of the source is listed", async () => {
  const root = join(import.meta.dirname, "..", "..");
  await expect(sentences(join(root, "src"))).toMatchFileSnapshot("messages.txt");
});
