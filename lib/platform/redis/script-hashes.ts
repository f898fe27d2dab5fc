import type { Requester } from "./requester.ts";

type Request = Parameters<Requester["request"]>[0];
interface Reply {
  readonly result?: unknown;
  readonly error?: string | undefined;
}

/**
 * Sends a script's hash in its place, so that its text does not travel with every request; a script that the server does
 * not know (any more) is sent whole, once (redis.io/docs/latest/commands/evalsha). In a pipeline it is sent whole the first
 * time, for there it would come too late: after the commands that stand behind it.
 */
export function withScriptHashes(requester: Requester): Requester {
  const hashes = new Map<string, string>();

  async function hashed(command: unknown): Promise<unknown> {
    if (!isScript(command)) return command;
    const [, lua, ...rest] = command;
    const hash = hashes.get(lua) ?? (await sha1(lua));
    hashes.set(lua, hash);
    return ["evalsha", hash, ...rest];
  }

  async function single(request: Request): Promise<Reply> {
    if (!isScript(request.body)) return requester.request(request);
    const reply = await requester.request({ ...request, body: await hashed(request.body) });
    return isUnknownScript(reply) ? requester.request(request) : reply;
  }

  async function many(request: Request, commands: readonly unknown[]): Promise<readonly Reply[]> {
    // The reply of a pipeline is a list: the client's types know only that of one command.
    const known = commands.map((command) => isScript(command) && hashes.has(command[1]));
    const body = await Promise.all(commands.map(hashed));
    const sent = commands.map((command, index) => (known[index] === true ? body[index] : command));
    const replies = (await requester.request({ ...request, body: sent })) as unknown as Reply[];
    for (const [index, reply] of replies.entries()) {
      if (isUnknownScript(reply))
        replies[index] = await requester.request({ ...request, path: [], body: commands[index] });
    }
    return replies;
  }

  return {
    // The client knows the shape of each command's reply; it is what the server gave.
    request: <Result>(request: Request) =>
      (request.path?.[0] === "pipeline" && Array.isArray(request.body)
        ? many(request, request.body)
        : single(request)) as Promise<{ result?: Result; error?: string }>,
  };
}

function isScript(command: unknown): command is readonly [string, string, ...unknown[]] {
  return Array.isArray(command) && typeof command[1] === "string" && /^eval$/i.test(String(command[0]));
}

function isUnknownScript({ error }: Reply): boolean {
  return error?.startsWith("NOSCRIPT") === true;
}

async function sha1(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
