import { once } from "node:events";
import { globSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Redis } from "@upstash/redis";
import { Redis as Connection } from "ioredis";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../lib/platform/clock.ts";
import { createEmbeddedRedis } from "../../lib/platform/redis/embedded-redis.ts";
import type { RedisEngine } from "../../lib/platform/redis/redis-engine.ts";
import { createEngineRedis, createUpstashRedis } from "../../lib/platform/redis/requester.ts";
import { createTcpRedis } from "../../lib/platform/redis/tcp-redis.ts";
import type { RawSql } from "../../lib/platform/store-server/raw-sql.ts";
import { type StoreServer, serveStores } from "../../lib/platform/store-server/store-server.ts";
import type { Clock } from "../../lib/ports/clock.ts";
import { CONFORMANCE_SCRIPTS, describeRedis, type OpenRedis } from "./redis.ts";

const TOKEN = "token-of-the-conformance-suite";
/** A disposable server; without one only the embedded engine is held to the suite. */
const realUrl = process.env["TEST_REDIS_URL"];
const noSql: RawSql = { execute: () => Promise.reject(new Error("no SQL here")), batch: async () => [] };

/** How long a store may take is no part of this suite: see the guard's own tests. */
const patientClock: Clock = { ...systemClock, schedule: () => () => {} };
const embedded = () => createEmbeddedRedis({ clock: systemClock, scripts: CONFORMANCE_SCRIPTS });

/** An engine behind the server that speaks Upstash's protocol, reached by Upstash's own client. */
async function served(engine: RedisEngine, forgetScripts: () => Promise<void>): Promise<OpenRedis> {
  const server = await serveStores({ redis: engine, sql: noSql, token: TOKEN });
  return {
    redis: createUpstashRedis({ url: server.redisUrl, token: TOKEN, clock: patientClock }),
    forgetScripts,
    close: async () => {
      await server.close();
      await engine.close();
    },
  };
}

async function flushScripts(): Promise<void> {
  const connection = new Connection(realUrl ?? "");
  await connection.script("FLUSH");
  connection.disconnect();
}

describeRedis("the embedded engine", async () => {
  const engine = embedded();
  return { redis: createEngineRedis(engine, patientClock), forgetScripts: async () => {}, close: () => engine.close() };
});
describeRedis("Upstash REST over the embedded engine", () => served(embedded(), async () => {}));
describe.skipIf(realUrl === undefined)("with TEST_REDIS_URL", () => {
  describeRedis("Redis over TCP", async () => {
    const engine = createTcpRedis(realUrl ?? "");
    return { redis: createEngineRedis(engine, patientClock), forgetScripts: flushScripts, close: () => engine.close() };
  });
  describeRedis("Upstash REST over Redis", () => served(createTcpRedis(realUrl ?? ""), flushScripts));
});

/** What lib/ sends: the client's methods, and the commands inside of scripts. */
function commandsSent(): readonly string[] {
  const sent = new Set<string>();
  for (const file of globSync("lib/**/*.ts", { exclude: ["lib/platform/**"] })) {
    const text = readFileSync(file, "utf8");
    for (const [, name = ""] of text.matchAll(/\b(?:redis|pipeline)\s*\.(\w+)[<(]/g)) sent.add(name.toLowerCase());
    for (const [, name = ""] of text.matchAll(/(?:redis\.call\('|\bcall\(")(\w+)/g)) sent.add(name.toLowerCase());
  }
  for (const ofPipelines of ["pipeline", "exec", "length"]) sent.delete(ofPipelines);
  return [...sent].toSorted();
}

test("the suite has every command that is sent", () => {
  const suite = readFileSync("test/conformance/redis.ts", "utf8").toLowerCase();
  const sent = commandsSent();
  expect(sent).toContain("zrange");
  const isIn = (name: string) => suite.includes(`.${name}(`) || suite.includes(`"${name}"`);
  expect(sent.filter((name) => !isIn(name))).toEqual([]);
});

describe("Upstash' protocol", () => {
  const up = async (engine: RedisEngine, use: (server: StoreServer) => Promise<void>) => {
    const server = await serveStores({ redis: engine, sql: noSql, token: TOKEN });
    try {
      await use(server);
    } finally {
      await server.close();
    }
  };
  const client = ({ redisUrl }: Pick<StoreServer, "redisUrl">, token = TOKEN) =>
    createUpstashRedis({ url: redisUrl, token, clock: patientClock });
  const messageOf = (asking: Promise<unknown>) => asking.then(String, (error: unknown) => String(error));

  test("F8 a token that is not the server's is refused, command by command and in a pipeline, without repeating them", async () => {
    await up(embedded(), async (server) => {
      const stranger = client(server, "token-canary-of-somebody-else");
      const said = [
        await messageOf(stranger.set("conformance:canary", "canary-value")),
        await messageOf(stranger.pipeline().set("conformance:canary", "canary-value").exec()),
      ];
      for (const message of said) {
        expect(message).toContain("WRONGPASS");
        expect(message).not.toContain("canary");
      }
      expect(await client(server).get("conformance:canary")).toBeNull();
    });
  });

  test("what is no command gets 400, and the server goes on", async () => {
    await up(embedded(), async (server) => {
      const headers = { authorization: `Bearer ${TOKEN}` };
      const send = (body: string, path = "") => fetch(`${server.redisUrl}${path}`, { method: "POST", headers, body });
      for (const body of ["", "{", '{"get":"key"}', "[]", '"GET"'])
        expect([body, (await send(body)).status]).toEqual([body, 400]);
      for (const body of ["", "{", "{}"]) expect([body, (await send(body, "/pipeline")).status]).toEqual([body, 400]);
      expect(await client(server).ping()).toBe("PONG");
    });
  });

  test("F1 a Redis behind the server that is away is an error for every call, and the server lives", async () => {
    const away = () => Promise.reject(new Error("connection lost"));
    const broken: RedisEngine = { call: away, pipeline: away, transaction: away, close: async () => {} };
    await up(broken, async (server) => {
      const redis = client(server);
      await expect(redis.get("key")).rejects.toThrow();
      await expect(redis.pipeline().get("key").exec({ keepErrors: true })).rejects.toThrow();
    });
  });

  /** A server of one's own making, and how often it was asked. */
  async function answering(
    answer: { readonly status: number; readonly type: string; readonly body: string } | null,
    use: (redis: Redis, asked: () => number) => Promise<void>,
  ): Promise<void> {
    let asked = 0;
    const server = createServer((request, response) => {
      asked += 1;
      if (answer === null) request.socket.resetAndDestroy();
      else response.writeHead(answer.status, { "content-type": answer.type }).end(answer.body);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo; // listening on TCP
    try {
      await use(client({ redisUrl: `http://127.0.0.1:${port}` }), () => asked);
    } finally {
      server.close();
    }
  }

  test("F4 a command whose reply was lost is not sent again: it may have been done", async () => {
    await answering(null, async (redis, asked) => {
      await expect(redis.get("key")).rejects.toThrow();
      await expect(redis.pipeline().get("key").exec()).rejects.toThrow();
      expect(asked()).toBe(2);
    });
  });

  const quota =
    "ERR max requests limit exceeded. Limit: 500000, Usage: 500000. See https://upstash.com/docs/redis/troubleshooting";
  test.each([
    [
      "F8 the token was rotated",
      { status: 401, type: "application/json", body: '{"error":"WRONGPASS invalid or missing auth token"}' },
    ],
    ["F9 the quota is used up", { status: 400, type: "application/json", body: JSON.stringify({ error: quota }) }],
    [
      "F9 too many at once",
      { status: 429, type: "application/json", body: JSON.stringify({ error: "ERR max concurrent limit exceeded" }) },
    ],
    ["F10 an edge answers in HTML", { status: 502, type: "text/html", body: "<html><h1>502 Bad Gateway</h1></html>" }],
  ])("%s: the store is away, and is soon not asked any more", async (_, answer) => {
    await answering(answer, async (redis, asked) => {
      const ask = [() => redis.get("key"), () => redis.pipeline().get("key").exec({ keepErrors: true })];
      for (let times = 0; times < 10; times++) for (const call of ask) await expect(call()).rejects.toThrow();
      expect(asked()).toBe(5);
    });
  });
});
