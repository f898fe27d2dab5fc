/** One test's outcome in the last run of all tests. */
export interface RecordedTest {
  /** Its own title, without those of the groups around it. */
  readonly title: string;
  readonly name: string;
  readonly file: string;
  readonly state: "passed" | "failed" | "skipped" | "pending";
}

export const RESULTS_FILE = "test-results/results.json";
