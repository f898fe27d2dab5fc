import { describe, expect, test } from "vitest";
import { judgeClaims, reportLines, unmetRequirements } from "../support/claim-report.ts";
import type { RecordedTest } from "../support/recorded-tests.ts";

const CLAIMS = [
  { id: "CM-1.1", section: "1. Keys" },
  { id: "CM-1.10", section: "1. Keys" },
  { id: "CM-2.1.1", section: "2. Limits" },
  { id: "CM-2.1.2", section: "2. Limits" },
  { id: "CM-2.2.1", section: "2. Limits" },
];

function ran(title: string, state: RecordedTest["state"] = "passed"): RecordedTest {
  return { title, name: `group > ${title}`, file: "a.test.ts", state };
}

function verdicts(...tests: RecordedTest[]): Record<string, string> {
  return Object.fromEntries(judgeClaims(CLAIMS, tests).map(({ claim, verdict }) => [claim.id, verdict]));
}

describe("claims", () => {
  test("a claim holds when a title starts with its id and nothing else of its own fails or is skipped", () => {
    const judged = verdicts(
      ran("CM-1.1 a key"),
      ran("CM-2.1.1 a limit"),
      ran("CM-2.1.1 another", "failed"),
      ran("CM-2.1.2 a limit"),
      ran("CM-2.1.2 elsewhere", "skipped"),
    );
    expect(judged).toEqual({
      "CM-1.1": "holds",
      "CM-1.10": "untested",
      "CM-2.1.1": "failed",
      "CM-2.1.2": "skipped",
      "CM-2.2.1": "untested",
    });
  });

  test("a longer id, an id inside a title and an id in a group's title prove nothing", () => {
    const judged = verdicts(ran("CM-1.10 ten"), ran("as CM-2.2.1 says"));
    expect(judged).toMatchObject({ "CM-1.1": "untested", "CM-1.10": "holds", "CM-2.2.1": "untested" });
  });

  test("a line a section and a closing line", () => {
    const lines = reportLines(judgeClaims(CLAIMS, [ran("CM-1.1 a"), ran("CM-2.1.1 b"), ran("CM-2.1.2 c")]));
    expect(lines).toEqual(["CM-1 1/2", "CM-2 2/3", "3 of 5 claims hold"]);
  });

  test("a requirement names a section, a part of it or a claim", () => {
    const judged = judgeClaims(CLAIMS, [ran("CM-1.1 a"), ran("CM-2.1.1 b"), ran("CM-2.1.2 c", "skipped")]);
    expect(unmetRequirements(judged, ["CM-1.1", "CM-2.1.1"])).toEqual([]);
    expect(unmetRequirements(judged, ["CM-1"])).toEqual(["CM-1.10 has no test"]);
    expect(unmetRequirements(judged, ["CM-2.1"])).toEqual(["CM-2.1.2 has a skipped test"]);
    expect(unmetRequirements(judged, ["CM-9"])).toEqual(["CM-9 names no claim"]);
  });
});
