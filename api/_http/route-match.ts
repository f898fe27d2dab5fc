import type { Route } from "./route.ts";

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
  return (
    pattern.length === segments.length &&
    pattern.every((part, index) => (part.startsWith("{") ? segments[index] !== "" : part === segments[index]))
  );
}
