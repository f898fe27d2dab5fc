import type { Target } from "./target.ts";

/** One thing that a client relies on. It passes when `run` returns, fails when it throws, and is left out by `skip`. */
export interface Check {
  /** `group.name`, in lower case; what `--only` selects by. */
  readonly id: string;
  /** What holds when it passes, as a sentence without its full stop. */
  readonly says: string;
  readonly run: (target: Target) => Promise<unknown>;
}

/** What the gateway does wrong, in words for its maker. */
export class Failed extends Error {}

/** Why a check does not apply to this gateway. */
export class Skipped extends Error {}

/** @throws Failed when `condition` is false */
export function must(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Failed(otherwise);
}

/** @throws Skipped */
export function skip(reason: string): never {
  throw new Skipped(reason);
}

/** The member at a path such as `choices.0.message.content`; undefined where there is none. */
export function at(value: unknown, path: string): unknown {
  let found = value;
  for (const name of path.split(".")) {
    if (typeof found !== "object" || found === null) return undefined;
    found = Reflect.get(found, name);
  }
  return found;
}

export function textAt(value: unknown, path: string): string {
  const found = at(value, path);
  return typeof found === "string" ? found : "";
}

export function listAt(value: unknown, path: string): readonly unknown[] {
  const found = at(value, path);
  return Array.isArray(found) ? found : [];
}

/** @throws Failed unless there is a string with something in it */
export function mustText(value: unknown, path: string): string {
  const found = at(value, path);
  must(typeof found === "string" && found !== "", `${path} is ${shown(found)}, not a text`);
  return found;
}

/** @throws Failed unless there is a whole number of at least `least` */
export function mustCount(value: unknown, path: string, least = 0): number {
  const found = at(value, path);
  must(
    typeof found === "number" && Number.isSafeInteger(found) && found >= least,
    `${path} is ${shown(found)}, not a whole number of ${least} or more`,
  );
  return found;
}

/** @throws Failed unless the member is exactly this */
export function mustBe(value: unknown, path: string, expected: string | number | boolean | null): void {
  const found = at(value, path);
  must(found === expected, `${path} is ${shown(found)}, not ${shown(expected)}`);
}

/** @throws Failed unless the text is JSON */
export function mustParse(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Failed(`${what} is no JSON: ${shown(text)}`);
  }
}

const SHOWN_CHARACTERS = 80;

/** A value in a message: short, whatever it is. */
export function shown(value: unknown): string {
  const text = value === undefined ? "missing" : JSON.stringify(value);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
