import type { RedisEngine } from "../redis/redis-engine.ts";
import { RedisReplyError } from "../redis/reply-error.ts";
import { commandOf } from "../redis/requester.ts";

/**
 * Upstash's REST protocol over an engine: a command, `/pipeline` and `/multi-exec`
 * (upstash.com/docs/redis/features/restapi), replies in base64 when the client asks for that.
 */
export async function handleUpstash(request: Request, engine: RedisEngine, token: string): Promise<Response> {
  if (request.headers.get("authorization") !== `Bearer ${token}`) {
    return Response.json({ error: "WRONGPASS invalid or missing auth token" }, { status: 401 });
  }
  const encode = request.headers.get("upstash-encoding") === "base64" ? toBase64 : (value: unknown) => value;
  const body: unknown = await request.json();
  const { pathname } = new URL(request.url);
  if (pathname.endsWith("/pipeline") || pathname.endsWith("/multi-exec")) {
    const commands = Array.isArray(body) ? body.map(commandOf) : [];
    const replies = pathname.endsWith("/pipeline")
      ? await engine.pipeline(commands)
      : await engine.transaction(commands);
    return Response.json(
      replies.map(({ result, error }) => (error === undefined ? { result: encode(result) } : { error })),
    );
  }
  try {
    return Response.json({ result: encode(await engine.call(commandOf(body))) });
  } catch (error) {
    if (error instanceof RedisReplyError) return Response.json({ error: error.message }, { status: 400 });
    throw error;
  }
}

/** Strings in base64, except the status reply OK, numbers as they are. */
function toBase64(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toBase64);
  if (typeof value !== "string" || value === "OK") return value;
  return btoa(String.fromCharCode(...new TextEncoder().encode(value)));
}
