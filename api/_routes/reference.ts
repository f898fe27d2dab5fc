import * as z from "zod";
import { openApiDocument } from "../_http/openapi.ts";
import type { Exchange, Route } from "../_http/route.ts";
import { renderReference } from "./reference-page.ts";
import { REFERENCE_STYLE } from "./reference-style.ts";

/** Nothing but our own style sheet is loaded, and nothing runs. */
const PAGE_HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "public, max-age=300",
};

/** The description of all routes, these included. `routes` is read on the first request, when the list is complete. */
export function referenceRoutes(routes: () => readonly Route[]): readonly Route[] {
  let document: string | null = null;
  let page: string | null = null;
  const openApi = ({ gateway, requestId }: Exchange): Response => {
    document ??= JSON.stringify(openApiDocument(routes(), gateway.configuration.appVersion));
    const headers = {
      "content-type": "application/json",
      "cache-control": "public, max-age=300",
      "x-request-id": requestId,
    };
    return new Response(document, { headers });
  };
  const reference = ({ gateway, requestId }: Exchange): Response => {
    page ??= renderReference(routes(), gateway.configuration.appVersion, gateway.configuration.publicUrl);
    return new Response(page, { headers: { ...PAGE_HEADERS, "x-request-id": requestId } });
  };
  const style = ({ requestId }: Exchange): Response =>
    new Response(REFERENCE_STYLE, {
      headers: {
        "content-type": "text/css; charset=utf-8",
        "cache-control": "public, max-age=300",
        "x-content-type-options": "nosniff",
        "x-request-id": requestId,
      },
    });
  const anyone = { method: "GET", policy: "public" } as const;
  return [
    {
      ...anyone,
      path: "/openapi.json",
      documentation: { tag: "System", summary: "This API as an OpenAPI 3.1 document", reply: z.looseObject({}) },
      handle: openApi,
    },
    {
      ...anyone,
      path: "/docs",
      documentation: { tag: "System", summary: "This reference", reply: "text/html" },
      handle: reference,
    },
    {
      ...anyone,
      path: "/docs/style.css",
      documentation: { tag: "System", summary: "The reference's style sheet", reply: "text/css" },
      handle: style,
    },
  ];
}
