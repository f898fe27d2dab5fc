import { createFetchUpstream } from "../../lib/platform/upstream/fetch-upstream.ts";
import { createUndiciUpstream } from "../../lib/platform/upstream/undici-upstream.ts";
import { describeUpstream } from "./upstream.ts";

describeUpstream("undici pools", () => createUndiciUpstream({ connectTimeoutMs: 5_000 }));
describeUpstream("fetch", () => ({
  call: createFetchUpstream((input, init) => fetch(input, init)),
  close: async () => {},
}));
