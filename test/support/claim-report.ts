import type { RecordedTest } from "./recorded-tests.ts";

/** One of the claims in test/claims.json. */
export interface Claim {
  /** `CM-5.3.2` */
  readonly id: string;
  /** `5. Failover & Circuit Breaker` */
  readonly section: string;
}

export interface ClaimVerdict {
  readonly claim: Claim;
  readonly verdict: "holds" | "untested" | "skipped" | "failed";
}

/**
 * A claim holds when at least one test's own title starts with its id and each of those passed. A skipped one does
 * not count as passed: what was not run is not shown.
 */
export function judgeClaims(claims: readonly Claim[], tests: readonly RecordedTest[]): readonly ClaimVerdict[] {
  const byId = new Map<string, RecordedTest[]>();
  for (const test of tests) {
    const id = /^CM-\d+(?:\.\d+)*(?=[\s:,]|$)/.exec(test.title)?.[0];
    if (id !== undefined) byId.set(id, [...(byId.get(id) ?? []), test]);
  }
  return claims.map((claim) => ({ claim, verdict: verdictOf(byId.get(claim.id) ?? []) }));
}

function verdictOf(tests: readonly RecordedTest[]): ClaimVerdict["verdict"] {
  if (tests.length === 0) return "untested";
  if (tests.some((test) => test.state === "failed")) return "failed";
  return tests.every((test) => test.state === "passed") ? "holds" : "skipped";
}

/** `CM-5 24/24` for each section, and the closing line. */
export function reportLines(verdicts: readonly ClaimVerdict[]): readonly string[] {
  const sections = new Map<string, ClaimVerdict[]>();
  for (const verdict of verdicts) {
    const section = `CM-${Number.parseInt(verdict.claim.section, 10)}`;
    sections.set(section, [...(sections.get(section) ?? []), verdict]);
  }
  const held = (some: readonly ClaimVerdict[]) => some.filter(({ verdict }) => verdict === "holds").length;
  return [
    ...[...sections].map(([section, some]) => `${section} ${held(some)}/${some.length}`),
    `${held(verdicts)} of ${verdicts.length} claims hold`,
  ];
}

/**
 * The required claims that do not hold, each with the reason. `CM-5` requires its section, `CM-6.1` what is under it,
 * `CM-6.1.1` one claim. A requirement that names no claim is an error of its own.
 */
export function unmetRequirements(verdicts: readonly ClaimVerdict[], required: readonly string[]): readonly string[] {
  return required.flatMap((name) => {
    const named = verdicts.filter(({ claim }) => claim.id === name || claim.id.startsWith(`${name}.`));
    if (named.length === 0) return [`${name} names no claim`];
    return named.flatMap(({ claim, verdict }) => (verdict === "holds" ? [] : [`${claim.id} ${REASONS[verdict]}`]));
  });
}

const REASONS = {
  untested: "has no test",
  skipped: "has a skipped test",
  failed: "has a failing test",
} as const;
