import * as z from "zod";

export type Environment = Readonly<Record<string, string | undefined>>;

export const httpUrl = z.url({ protocol: /^https?$/ });
/** What can stand in a header without being quoted. */
export const PRINTABLE = /^[\x21-\x7e]+$/;

/**
 * What is set, without the blanks around it: a secret from a file often brings its line end along. A variable of
 * wrangler.toml may be a number, and a worker's other bindings are none of ours.
 */
export function setVariables(environment: Environment): Environment {
  const texts = Object.entries(environment).flatMap(([name, value]: [string, unknown]) =>
    typeof value === "string" || typeof value === "number" ? [[name, String(value).trim()] as const] : [],
  );
  return Object.fromEntries(texts.filter(([, text]) => text !== ""));
}

/** The entries of a list with commas between. */
export function listed(text = ""): readonly string[] {
  return text.split(",").flatMap((entry) => (entry.trim() === "" ? [] : [entry.trim()]));
}
