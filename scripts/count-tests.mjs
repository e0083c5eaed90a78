// count-tests.mjs RESULTS FAILED_CHECKS: prints the last line of scripts/test from what vitest's JSON reporter wrote,
// and exits 0 only if all passed.
import { readFileSync } from "node:fs";

const [resultsFile, failedChecks] = process.argv.slice(2);

function readResults() {
  try {
    return JSON.parse(readFileSync(resultsFile, "utf8"));
  } catch {
    return undefined;
  }
}

/** A file that could not even be loaded has failed, though none of its tests has. */
function brokenFiles({ testResults }) {
  return testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((assertion) => assertion.status === "failed"),
  ).length;
}

const results = readResults();
const passed = results?.numPassedTests ?? 0;
const skipped = (results?.numPendingTests ?? 0) + (results?.numTodoTests ?? 0);
const failedTests = results ? results.numFailedTests + brokenFiles(results) : 0;
// The tests' own check is among the failed checks when a test failed; count the tests instead of it.
const failed = failedTests + Number(failedChecks) - (failedTests > 0 && Number(failedChecks) > 0 ? 1 : 0);

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
