import { honoFetchProxy } from "./hono-fetch-app.ts";

/** The bare proxy in workerd. */
export default {
  fetch: (request: Request, environment: { readonly UPSTREAM: string }) =>
    honoFetchProxy(environment.UPSTREAM).fetch(request),
};
