import { expect, test } from "vitest";
import { LiveStreams } from "../../lib/inference/live-streams.ts";
import type { ClientStream } from "../../lib/ports/client-stream.ts";

const reply = (body: ClientStream) => ({ status: 200, headers: {}, body });
const bodyOf = ({ body }: { readonly body: string | ClientStream }): ClientStream => {
  if (typeof body === "string") throw new Error("a stream was expected");
  return body;
};

test("a stream whose source fails has ended: who listens hears of it, and its key is free again", async () => {
  const streams = new LiveStreams();
  let asked = 0;
  const source: ClientStream = {
    next: async () => {
      asked += 1;
      throw new Error("broken");
    },
    leave: () => {},
  };
  const live = streams.claim("key", null);
  if (live === null) throw new Error("the key is free");
  const first = bodyOf(live.open(reply(source)));
  const joined = await streams.join("key", null);
  if (joined === null) throw new Error("the stream runs");
  const outcomes = await Promise.allSettled([first.next(), bodyOf(joined).next()]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(asked).toBe(1);
  expect(await first.next()).toBeNull();
  expect(await streams.join("key", null)).toBeNull();
  expect(streams.claim("key", null)).not.toBeNull();
});

test("a party that had left before it was counted is counted off", async () => {
  const left = AbortSignal.abort();
  expect(new LiveStreams().claim("key", left)?.signal.aborted).toBe(true);
  const streams = new LiveStreams();
  const staying = new AbortController();
  const live = streams.claim("key", staying.signal);
  live?.addParty(left);
  expect(live?.signal.aborted).toBe(false);
  staying.abort();
  expect(live?.signal.aborted).toBe(true);
});
