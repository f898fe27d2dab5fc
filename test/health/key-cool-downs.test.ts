import { expect, test } from "vitest";
import { BreakerView, refreshBreakers } from "../../lib/health/breakers.ts";
import { ALL_SCRIPTS } from "../../lib/inference/redis-scripts.ts";
import { createEmbeddedRedis } from "../../lib/platform/redis/embedded-redis.ts";
import { createEngineRedis } from "../../lib/platform/redis/requester.ts";
import { createFakeClock } from "../support/fake-clock.ts";

function setUp() {
  const clock = createFakeClock();
  const engine = createEmbeddedRedis({ clock, scripts: ALL_SCRIPTS });
  const warnings: string[] = [];
  const log = { info: () => {}, error: () => {}, warn: (event: string) => void warnings.push(event) };
  let away = false;
  const reached = <Result>(call: () => Promise<Result>) => (away ? Promise.reject(new Error("away")) : call());
  const redis = createEngineRedis(
    {
      call: (command) => reached(() => engine.call(command)),
      pipeline: (commands) => reached(() => engine.pipeline(commands)),
      transaction: (commands) => reached(() => engine.transaction(commands)),
      close: () => engine.close(),
    },
    clock,
  );
  const breakAway = () => {
    away = true;
  };
  return { clock, ports: { clock, redis, log }, warnings, breakAway };
}

test("a key's rest is known to every isolate, ends by itself and leaves the provider's breaker alone", async () => {
  const { clock, ports } = setUp();
  const [here, there] = [new BreakerView(), new BreakerView()];
  await here.keys.start(ports, "openai", "2", "credentials", 300_000);
  await refreshBreakers(ports, there);
  expect(there.keys.state("openai", "2", clock.now())).toMatchObject({ reason: "credentials" });
  expect(there.keys.state("openai", "1", clock.now())).toBeNull();
  expect(there.state("openai")).toEqual({ kind: "closed", consecutiveFailures: 0 });
  await clock.advance(300_000);
  expect(there.keys.state("openai", "2", clock.now())).toBeNull();
});

test("an answer forgets a rest that is over, and no other", async () => {
  const { clock, ports } = setUp();
  const { keys } = new BreakerView();
  await keys.start(ports, "openai", "1", "rate-limited", 1_000);
  expect(keys.noteAnswer(ports, "openai", "1")).toBeNull();
  expect(keys.state("openai", "1", clock.now())).not.toBeNull();
  await clock.advance(1_000);
  await keys.noteAnswer(ports, "openai", "1");
  expect(await ports.redis.hlen("gw:breakers")).toBe(0);
  expect(keys.noteAnswer(ports, "openai", "1")).toBeNull();
});

test("a reading that was asked for before a key was refused does not bring it back", async () => {
  const { clock, ports } = setUp();
  const view = new BreakerView();
  const askedAtMs = clock.now();
  await view.keys.start(ports, "openai", "1", "payment", 1_000);
  view.absorb({}, askedAtMs);
  expect(view.keys.state("openai", "1", clock.now())).not.toBeNull();
  view.absorb({}, askedAtMs + 1);
  expect(view.keys.state("openai", "1", clock.now())).toBeNull();
});

test("what a provider asks for is kept within an hour, and a field of another shape is nobody's rest", async () => {
  const { clock, ports } = setUp();
  const view = new BreakerView();
  await view.keys.start(ports, "openai", "1", "rate-limited", 1e12);
  expect(view.keys.state("openai", "1", clock.now())?.untilMs).toBe(clock.now() + 3_600_000);
  view.absorb({ "openai#3": "k:soon:credentials", "openai#4": "o:1", "openai#5": "k:9e15:boredom" }, clock.now());
  for (const id of ["3", "4", "5"]) expect(view.keys.state("openai", id, clock.now())).toBeNull();
});

test("without Redis this isolate's own view decides, and the operator is told", async () => {
  const { clock, ports, warnings, breakAway } = setUp();
  const view = new BreakerView();
  breakAway();
  await view.keys.start(ports, "openai", "1", "credentials", 300_000);
  expect(view.keys.state("openai", "1", clock.now())).not.toBeNull();
  expect(warnings).toEqual(["key_cool_down_not_shared"]);
});
