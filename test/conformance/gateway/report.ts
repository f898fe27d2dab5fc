import type { CheckResult } from "./run-checks.ts";

export interface Score {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export function scoreOf(results: readonly CheckResult[]): Score {
  const count = (outcome: CheckResult["outcome"]) => results.filter((result) => result.outcome === outcome).length;
  return { passed: count("pass"), failed: count("fail"), skipped: count("skip") };
}

/** One line of the table. */
export function lineOf({ id, says, outcome, why }: CheckResult, idWidth: number): string {
  const word = outcome === "fail" ? "FAIL" : outcome;
  return `${id.padEnd(idWidth)}  ${word}  ${why === "" ? says : `${why}${outcome === "fail" ? ` (should be: ${says})` : ""}`}`;
}

/** `54 of 56 checks passed (96 %), 4 skipped`, and what failed by its id. */
export function closingLines(results: readonly CheckResult[]): string {
  const { passed, failed, skipped } = scoreOf(results);
  const applied = passed + failed;
  const percent = applied === 0 ? 0 : Math.floor((passed / applied) * 100);
  const left = skipped === 0 ? "" : `, ${skipped} skipped`;
  const failures = results.filter(({ outcome }) => outcome === "fail").map(({ id }) => id);
  const named = failures.length === 0 ? "" : `\nfailed: ${failures.join(", ")}`;
  return `${passed} of ${applied} checks passed (${percent} %)${left}${named}`;
}
