import { mkdirSync, writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

/** One test's outcome, as `npm run claims` reads it. */
export interface RecordedTest {
  readonly name: string;
  readonly file: string;
  readonly state: "passed" | "failed" | "skipped" | "pending";
}

export const RESULTS_FILE = "test-results/results.json";

/** Writes every test's outcome to a file and closes the run with `N passed, N failed`. */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const tests: RecordedTest[] = [];
    let brokenFiles = 0;
    for (const module of modules) {
      const before = tests.length;
      for (const test of module.children.allTests()) {
        tests.push({ name: test.fullName, file: module.moduleId, state: test.result().state });
      }
      if (module.errors().length > 0 || (tests.length === before && !module.ok())) brokenFiles += 1;
    }
    mkdirSync("test-results", { recursive: true });
    writeFileSync(RESULTS_FILE, JSON.stringify(tests, null, 1));
    const count = (state: RecordedTest["state"]) => tests.filter((test) => test.state === state).length;
    const failed = count("failed") + brokenFiles + unhandledErrors.length;
    const skipped = count("skipped");
    process.stdout.write(`\n${count("passed")} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`);
  }
}
