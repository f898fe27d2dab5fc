/** A provider's circuit breaker, as pure state. One per provider (CM-5.3.9), shared by all isolates through Redis. */
export type BreakerState =
  | { readonly kind: "closed"; readonly consecutiveFailures: number }
  | { readonly kind: "open"; readonly openedAtMs: number }
  /** A probe is on its way; nothing else is let through until it reports. */
  | { readonly kind: "half-open"; readonly openedAtMs: number; readonly probeStartedAtMs: number };

export const FAILURES_TO_OPEN = 5; // CM-5.3.2
export const OPEN_MS = 300_000; // CM-5.3.5
/** A probe that has not reported by then counts as lost, and another may start. */
export const PROBE_LEASE_MS = 60_000;

export const CLOSED: BreakerState = { kind: "closed", consecutiveFailures: 0 };

/**
 * `success`: the provider answered. `failure`: it did not (5xx, no connection, timeout).
 * `credentials-refused`: it refused our key, which no waiting mends and every call would hit: it opens at once.
 */
export type BreakerOutcome = "success" | "failure" | "credentials-refused";

export function afterOutcome(state: BreakerState, outcome: BreakerOutcome, nowMs: number): BreakerState {
  if (state.kind === "open") return state; // the call left before it opened: no new evidence
  if (outcome === "success") return CLOSED;
  if (state.kind === "half-open" || outcome === "credentials-refused") return { kind: "open", openedAtMs: nowMs };
  const consecutiveFailures = state.consecutiveFailures + 1;
  if (consecutiveFailures >= FAILURES_TO_OPEN) return { kind: "open", openedAtMs: nowMs };
  return { kind: "closed", consecutiveFailures };
}

/** What a request may do with a provider: call it, call it as the one probe, or leave it alone. */
export function admission(state: BreakerState, nowMs: number): "call" | "probe" | "skip" {
  switch (state.kind) {
    case "closed":
      return "call";
    case "open":
      return nowMs - state.openedAtMs >= OPEN_MS ? "probe" : "skip";
    case "half-open":
      return nowMs - state.probeStartedAtMs >= PROBE_LEASE_MS ? "probe" : "skip";
  }
}

/** Whole seconds until the next probe is allowed, 0 when calls are let through. */
export function secondsUntilRetry(state: BreakerState, nowMs: number): number {
  if (state.kind === "closed") return 0;
  const untilMs =
    state.kind === "open" ? state.openedAtMs + OPEN_MS - nowMs : state.probeStartedAtMs + PROBE_LEASE_MS - nowMs;
  return Math.max(0, Math.ceil(untilMs / 1000));
}

/** The state as one short string for Redis: `c:3`, `o:<opened>`, `h:<opened>:<probe started>`. */
export function formatBreakerState(state: BreakerState): string {
  switch (state.kind) {
    case "closed":
      return `c:${state.consecutiveFailures}`;
    case "open":
      return `o:${state.openedAtMs}`;
    case "half-open":
      return `h:${state.openedAtMs}:${state.probeStartedAtMs}`;
  }
}

/** Reads what `formatBreakerState` wrote; anything else is a closed breaker (fail open). */
export function parseBreakerState(text: string): BreakerState {
  const [kind, first, second] = text.split(":");
  const number = Number(first);
  if (!Number.isSafeInteger(number) || number < 0) return CLOSED;
  if (kind === "c") return { kind: "closed", consecutiveFailures: number };
  if (kind === "o") return { kind: "open", openedAtMs: number };
  const probeStartedAtMs = Number(second);
  if (kind === "h" && Number.isSafeInteger(probeStartedAtMs)) {
    return { kind: "half-open", openedAtMs: number, probeStartedAtMs };
  }
  return CLOSED;
}
