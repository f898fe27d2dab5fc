import type { RedisEngine } from "../redis/redis-engine.ts";
import { RedisReplyError } from "../redis/reply-error.ts";
import { commandsOf } from "../redis/requester.ts";

/**
 * Upstash's REST protocol over an engine: a command, `/pipeline` and `/multi-exec`
 * (upstash.com/docs/redis/features/restapi), replies in base64 when the client asks for that.
 */
export async function handleUpstash(request: Request, engine: RedisEngine, token: string): Promise<Response> {
  if (request.headers.get("authorization") !== `Bearer ${token}`) {
    return Response.json({ error: "WRONGPASS invalid or missing auth token" }, { status: 401 });
  }
  const encode = request.headers.get("upstash-encoding") === "base64" ? toBase64 : (value: unknown) => value;
  const { pathname } = new URL(request.url);
  const isTransaction = pathname.endsWith("/multi-exec");
  const isBatch = isTransaction || pathname.endsWith("/pipeline");
  const body: unknown = await request.json().catch(() => null); // a body that is no JSON is no command either
  const commands = commandsOf(isBatch ? body : [body]);
  const [command] = commands;
  if (command === undefined || commands.some(([name]) => name === undefined)) {
    return Response.json({ error: "ERR failed to parse the command" }, { status: 400 });
  }
  if (isBatch) {
    const replies = await (isTransaction ? engine.transaction(commands) : engine.pipeline(commands));
    return Response.json(
      replies.map(({ result, error }) => (error === undefined ? { result: encode(result) } : { error })),
    );
  }
  try {
    return Response.json({ result: encode(await engine.call(command)) });
  } catch (error) {
    if (error instanceof RedisReplyError) return Response.json({ error: error.message }, { status: 400 });
    throw error;
  }
}

/** Strings in base64, numbers as they are. The client leaves an OK alone as it is, but not one in a list. */
function toBase64(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((member) => (member === "OK" ? base64(member) : toBase64(member)));
  return typeof value === "string" && value !== "OK" ? base64(value) : value;
}

const base64 = (text: string) => Buffer.from(text, "utf8").toString("base64");
