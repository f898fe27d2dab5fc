import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readFormEvents } from "../../../lib/protocol/multipart/form-events.ts";
import { UploadForm } from "../../../lib/protocol/multipart/upload-form.ts";

const RUNS = Number(process.env["PROPERTY_RUNS"] ?? 200);

type Entry = readonly [name: string, value: string | File];

/** The form as the runtime writes it. */
async function encoded(
  entries: readonly Entry[],
): Promise<{ readonly bytes: Uint8Array; readonly contentType: string }> {
  const form = new FormData();
  for (const [name, value] of entries) typeof value === "string" ? form.append(name, value) : form.append(name, value);
  const response = new Response(form);
  return {
    bytes: new Uint8Array(await response.arrayBuffer()),
    contentType: response.headers.get("content-type") ?? "",
  };
}

async function* cut(bytes: Uint8Array, places: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (const place of [...new Set(places.map((each) => each % (bytes.length + 1)))].toSorted((a, b) => a - b)) {
    if (place > from) yield bytes.slice(from, place);
    from = Math.max(from, place);
  }
  if (from < bytes.length) yield bytes.slice(from);
}

/** What the runtime's own parser reads of what we write. */
async function decoded(form: UploadForm, replace: Record<string, string> = {}, drop: string[] = []): Promise<Entry[]> {
  const { contentType, bytes } = form.encode({ replace, drop });
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  const headers = { "content-type": contentType };
  return [...(await new Response(Buffer.concat(pieces), { headers }).formData())];
}

/** Comparable: a file as its name, type and bytes. */
async function plain(entries: readonly Entry[]): Promise<readonly unknown[]> {
  return Promise.all(
    entries.map(async ([name, value]) =>
      typeof value === "string"
        ? [name, value]
        : [name, value.name, value.type, [...new Uint8Array(await value.arrayBuffer())]],
    ),
  );
}

const name = fc.string({ unit: fc.constantFrom(...'abz[]_"%ü '), minLength: 1, maxLength: 6 });
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  // What looks like the end of a part.
  fc
    .array(fc.constantFrom("\r", "\n", "-", "--", "\r\n--", "x"), { maxLength: 20 })
    .map((all) => new TextEncoder().encode(all.join(""))),
);
const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.tuple(
    name,
    fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => text.replace(/\r\n?|\n/g, "\r\n")),
  ),
  fc.tuple(
    name,
    fc
      .tuple(name, bytes, fc.constantFrom("audio/mpeg", "image/png", "application/octet-stream"))
      .map(([filename, content, type]) => new File([content], filename, { type })),
  ),
);

describe("a form on its way through", () => {
  test("cut anywhere it comes out as it went in, as often as it is sent", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        async (entries, places) => {
          const { bytes: all, contentType } = await encoded(entries);
          const form = new UploadForm(readFormEvents(cut(all, places), contentType));
          form.keep();
          const expected = await plain(entries);
          for (let time = 0; time < 2; time++) expect(await plain(await decoded(form))).toEqual(expected);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("byte by byte", async () => {
    const entries: readonly Entry[] = [
      ["model", "m"],
      ["file", new File(["\r\n--x\r\n"], "a.mp3", { type: "audio/mpeg" })],
    ];
    const { bytes: all, contentType } = await encoded(entries);
    const places = Array.from(all, (_, index) => index);
    const form = new UploadForm(readFormEvents(cut(all, places), contentType));
    expect(await plain(await decoded(form))).toEqual(await plain(entries));
    expect(form.canBeSent).toBe(false);
  });

  test("fields are replaced and dropped, files too", async () => {
    const entries: readonly Entry[] = [
      ["model", "gpt"],
      ["provider", "x"],
      ["junk", new File(["junk"], "j")],
      ["file", new File(["sound"], "a.mp3", { type: "audio/mpeg" })],
      ["model", "again"],
    ];
    const { bytes: all, contentType } = await encoded(entries);
    const form = new UploadForm(readFormEvents(cut(all, []), contentType));
    const got = await plain(await decoded(form, { model: "native" }, ["provider", "junk"]));
    expect(got.map((each) => (each as string[]).slice(0, 2))).toEqual([
      ["model", "native"],
      ["file", "a.mp3"],
      ["model", "native"],
    ]);
  });

  test("two who read at once get the same", async () => {
    const { bytes: all, contentType } = await encoded([["file", new File(["x".repeat(10_000)], "a.mp3")]]);
    const places = Array.from({ length: 100 }, (_, index) => index * 100);
    const form = new UploadForm(readFormEvents(cut(all, places), contentType));
    form.keep();
    const [one, other] = await Promise.all([decoded(form), decoded(form)]);
    expect(await plain(one)).toEqual(await plain(other));
    expect(form.fileBytes).toBe(10_000);
  });
});
