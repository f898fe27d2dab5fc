import type { Route } from "./route.ts";

/**
 * A path's last part that takes slashes too, and what it ends with: `{model+}:generateContent`. Ids of models have slashes in
 * them, and Google's clients put them into the path as they are.
 */
const SPANNING = /^\{(\w+)\+\}(.*)$/;

/** A route's path in Hono's notation: `/v1/models/{vendor}` as `/v1/models/:vendor`. */
export function honoPath(path: string): string {
  const slash = path.lastIndexOf("/");
  const spans = SPANNING.exec(path.slice(slash + 1));
  const plain = (part: string) => part.replace(/\{(\w+)\}/g, ":$1");
  if (spans === null) return plain(path);
  const [, name = "", ending = ""] = spans;
  return `${plain(path.slice(0, slash))}/:${name}{.+${ending}}`;
}

/** A parameter's value without what its path goes on with. */
export function parameterOf(path: string, name: string, value: string): string {
  const spans = SPANNING.exec(path.slice(path.lastIndexOf("/") + 1));
  const ending = spans?.[1] === name ? (spans[2] ?? "") : "";
  return value.endsWith(ending) ? value.slice(0, value.length - ending.length) : value;
}

/** The methods that some route takes at this path: what a 405 lists. Empty: there is no such path. */
export function allowedMethods(routes: readonly Route[], path: string): readonly string[] {
  const segments = path.split("/");
  const methods = new Set<string>();
  for (const route of routes) {
    if (!matches(route.path.split("/"), segments)) continue;
    methods.add(route.method);
    if (route.method === "GET") methods.add("HEAD");
  }
  return [...methods];
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  const last = pattern.at(-1) ?? "";
  const spans = SPANNING.exec(last);
  if (spans !== null) {
    const fixed = pattern.slice(0, -1);
    const rest = segments.slice(fixed.length);
    return matches(fixed, segments.slice(0, fixed.length)) && rest.join("/").endsWith(spans[2] ?? "") && rest[0] !== "";
  }
  return (
    pattern.length === segments.length &&
    pattern.every((part, index) => (part.startsWith("{") ? segments[index] !== "" : part === segments[index]))
  );
}
