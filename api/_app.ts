import { type Context, Hono } from "hono";
import { GatewayError } from "../lib/errors/gateway-error.ts";
import type { Gateway } from "../lib/inference/gateway.ts";
import type { Ports } from "../lib/ports/ports.ts";
import { assertNoKeyInQuery } from "./_http/credential.ts";
import { errorResponse, internalError } from "./_http/error-response.ts";
import { ExactRouter } from "./_http/exact-router.ts";
import { headProblem } from "./_http/request-head.ts";
import { newRequestId } from "./_http/request-id.ts";
import type { Exchange, Route } from "./_http/route.ts";
import { allowedMethods, honoPath, parameterOf } from "./_http/route-match.ts";
import { type SendReply, sendWebReply } from "./_http/send-reply.ts";
import { allRoutes } from "./_routes/all-routes.ts";

interface AppTypes {
  readonly Variables: { requestId: string };
}
type AppContext = Context<AppTypes>;

/** The HTTP surface of one gateway. `ports` live as long as the isolate; a request adds its own `background`. */
export function createApp(gateway: Gateway, ports: Ports, sendReply: SendReply = sendWebReply): Hono<AppTypes> {
  const app = new Hono<AppTypes>({ strict: true, router: new ExactRouter() });
  const routes = allRoutes();
  for (const route of routes) {
    app.on(route.method, honoPath(route.path), (c) => serve(gateway, ports, route, sendReply, c));
  }
  app.notFound((c) => {
    const requestId = newRequestId(ports.clock.now());
    return errorResponse(headProblemOf(c) ?? notServed(routes, c), c.req.raw, requestId);
  });
  app.onError((error, c) => {
    const requestId = c.get("requestId") ?? newRequestId(ports.clock.now());
    if (error instanceof GatewayError) return errorResponse(error, c.req.raw, requestId);
    ports.log.error("request_failed", error, { requestId, method: c.req.method, path: c.req.routePath });
    return errorResponse(internalError(), c.req.raw, requestId);
  });
  return app;
}

function serve(
  gateway: Gateway,
  ports: Ports,
  route: Route,
  sendReply: SendReply,
  c: AppContext,
): Response | Promise<Response> {
  const requestId = newRequestId(ports.clock.now());
  c.set("requestId", requestId);
  const request = c.req.raw;
  const problem = headProblemOf(c);
  if (problem !== null) throw problem;
  assertNoKeyInQuery(request.url);
  const ownPorts = requestPorts(ports, c);
  const exchange: Exchange = {
    gateway,
    ports: ownPorts,
    request,
    requestId,
    parameter: (name) => parameterOf(route.path, name, c.req.param(name) ?? ""),
    send: (reply) => sendReply(reply, { request, ports: ownPorts, bindings: c.env }),
  };
  return route.handle(exchange);
}

function headProblemOf(c: AppContext): GatewayError | null {
  // Node keeps its headers as they came, names and values in turn; building an object of them would cost each request.
  const received: unknown = Reflect.get(Object(Reflect.get(Object(c.env), "incoming")), "rawHeaders");
  const headers = Array.isArray(received) ? received.length / 2 : [...c.req.raw.headers.keys()].length;
  return headProblem(c.req.raw.url, headers);
}

/**
 * At the edge, work that outlives the response must be given to the request that it belongs to. On Node there is no
 * such thing, and asking Hono for it would cost a thrown error per request.
 */
function requestPorts(ports: Ports, c: AppContext): Ports {
  if (typeof c.env !== "object" || c.env === null || "incoming" in c.env) return ports;
  const { executionCtx } = c;
  return { ...ports, background: (task) => executionCtx.waitUntil(task) };
}

function notServed(routes: readonly Route[], c: AppContext): GatewayError {
  const allowed = allowedMethods(routes, c.req.path);
  if (allowed.length === 0) {
    return new GatewayError("unknown_route", "There is no such route. GET /docs lists all of them.");
  }
  const allow = allowed.join(", ");
  return new GatewayError("method_not_allowed", `This route takes ${allow}.`, { headers: { allow } });
}
