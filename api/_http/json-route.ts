import type * as z from "zod";
import { parseJsonBody } from "../../lib/protocol/json-body.ts";
import { validate } from "../../lib/protocol/schema-error.ts";
import { type Caller, identifyCaller, type Policy } from "./caller.ts";
import { dialectOf, idHeaders } from "./error-response.ts";
import { readJsonText } from "./read-body.ts";
import type { Exchange, Route, RouteDocumentation } from "./route.ts";

/** What a handler gets: the exchange, who calls, and the validated input. */
interface JsonCall<Query, Body> extends Exchange {
  readonly caller: Caller;
  readonly query: Query;
  readonly body: Body;
}

interface JsonRoute<Query extends z.ZodObject, Body extends z.ZodType, Reply extends z.ZodType> {
  readonly method: Route["method"];
  readonly path: string;
  readonly policy: Policy;
  readonly documentation: Omit<RouteDocumentation, "query" | "body" | "reply">;
  readonly query?: Query;
  readonly body?: Body;
  readonly reply: Reply;
  readonly answer: (call: JsonCall<z.infer<Query>, z.infer<Body>>) => z.input<Reply> | Promise<z.input<Reply>>;
}

/** A route that takes and gives JSON: policy, then input, then `answer`. */
export function jsonRoute<Query extends z.ZodObject, Body extends z.ZodType, Reply extends z.ZodType>(
  declaration: JsonRoute<Query, Body, Reply>,
): Route {
  const { method, path, policy, documentation, query, body, reply, answer } = declaration;
  const status = documentation.status ?? 200;
  return {
    method,
    path,
    policy,
    documentation: {
      ...documentation,
      reply,
      ...(query === undefined ? {} : { query }),
      ...(body === undefined ? {} : { body }),
    },
    handle: async (exchange) => {
      const { gateway, ports, request, requestId } = exchange;
      const caller = await identifyCaller(gateway, ports, policy, request.headers);
      const result = await answer({
        ...exchange,
        caller,
        query: readQuery(request.url, query),
        body: await readBody(exchange, body),
      });
      return new Response(JSON.stringify(result), {
        status,
        headers: {
          "content-type": "application/json",
          "cache-control": "no-store",
          ...idHeaders(dialectOf(request), requestId),
        },
      });
    },
  };
}

/** The query of a URL, validated. */
export function readQuery<Query extends z.ZodObject>(url: string, schema: Query | undefined): z.infer<Query> {
  const start = url.indexOf("?");
  const values = Object.fromEntries(start < 0 ? [] : new URLSearchParams(url.slice(start + 1)));
  // Without a schema no handler reads it: `Query` is then inferred as the empty object.
  if (schema === undefined) return {} as z.infer<Query>;
  return validate(schema, values);
}

async function readBody<Body extends z.ZodType>(exchange: Exchange, schema: Body | undefined): Promise<z.infer<Body>> {
  // Without a schema no handler reads it: `Body` is then inferred as unknown.
  if (schema === undefined) return undefined as z.infer<Body>;
  const text = await readJsonText(exchange.request, exchange.ports.clock, exchange.gateway.configuration.maxBodyBytes);
  return validate(schema, parseJsonBody(text));
}
