import { mkdirSync, writeFileSync } from "node:fs";
import type { Reporter, TestModule, TestSpecification, Vitest } from "vitest/node";
import { RESULTS_FILE, type RecordedTest } from "./recorded-tests.ts";

/** Closes a run with `N passed, N failed`, and keeps the outcomes of a run of all tests for `npm run claims`. */
export default class ClosingLineReporter implements Reporter {
  #vitest: Vitest | null = null;
  #partial = false;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  async onTestRunStart(specifications: readonly TestSpecification[]): Promise<void> {
    if (this.#vitest === null) return;
    const all = await this.#vitest.globTestSpecifications();
    this.#partial = specifications.length < all.length || this.#vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const tests: RecordedTest[] = [];
    let brokenFiles = 0;
    for (const module of modules) {
      const before = tests.length;
      for (const test of module.children.allTests()) {
        tests.push({ title: test.name, name: test.fullName, file: module.moduleId, state: test.result().state });
      }
      if (module.errors().length > 0 || (tests.length === before && !module.ok())) brokenFiles += 1;
    }
    if (!this.#partial) {
      mkdirSync("test-results", { recursive: true });
      writeFileSync(RESULTS_FILE, JSON.stringify(tests, null, 1));
    }
    const count = (state: RecordedTest["state"]) => tests.filter((test) => test.state === state).length;
    const failed = count("failed") + brokenFiles + unhandledErrors.length;
    const skipped = count("skipped");
    process.stdout.write(`\n${count("passed")} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`);
  }
}
