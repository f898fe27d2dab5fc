import type { AttemptRecord } from "./ask-endpoint.ts";
import type { Candidate } from "./candidate.ts";

export const ROUTING_HEADER = "x-gateway-routing";

/** A header's room for it: what does not fit is counted instead. */
const MAX_CHARACTERS = 4_000;
const MAX_EXCLUDED = 64;

interface Excluded {
  readonly model: string;
  readonly provider: string;
  /** The preference that spoke against it, or `context_length`, `price_unknown`. */
  readonly reason: string;
}

/**
 * Why a call went where it went, for the header of a client that asks for it: who was to be asked, in
 * order, who was not and why, and what each try came to. Provider, model and key ids only; no key, no address, no text of
 * a provider's.
 */
export class RoutingReport {
  readonly #excluded: Excluded[] = [];
  readonly #attempts: AttemptRecord[] = [];
  #candidates: readonly Candidate[] = [];

  exclude(model: string, provider: string, reason: string): void {
    if (this.#excluded.length < MAX_EXCLUDED) this.#excluded.push({ model, provider, reason });
  }

  rank(candidates: readonly Candidate[]): void {
    this.#candidates = candidates;
  }

  note(attempt: AttemptRecord): void {
    this.#attempts.push(attempt);
  }

  /** JSON of at most 4,000 characters, all of them fit for a header. What was tried is kept before what was not. */
  header(): string {
    const candidates = this.#candidates.map(({ provider, modelId, credential }) => ({
      provider: provider.id,
      model: modelId,
      key: credential?.id ?? null,
    }));
    const lists = { attempts: [...this.#attempts], candidates, excluded: [...this.#excluded] };
    let left = 0;
    for (;;) {
      const text = asciiJson(left === 0 ? lists : { ...lists, left_out: left });
      if (text.length <= MAX_CHARACTERS) return text;
      const list = [lists.excluded, lists.candidates, lists.attempts].find(({ length }) => length > 0);
      if (list === undefined) return "{}";
      list.pop();
      left += 1;
    }
  }
}

/** JSON without a character above ASCII: a local model's name may have any. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
