import { expect, test } from "vitest";
import { bundleEntry } from "../support/bundle-worker.ts";

/** A third of what Cloudflare's free plan takes (developers.cloudflare.com/workers/platform/limits). */
const MAX_GZIP_BYTES = 1_000_000;

test("the worker's bundle stays under 1 MB gzipped, and nothing of Node's platform is in it", async () => {
  const { gzipBytes, inputs } = await bundleEntry("api/_worker.ts", "workerd");
  console.log(`worker bundle: ${(gzipBytes / 1024).toFixed(0)} KB gzipped`);
  expect(gzipBytes).toBeLessThan(MAX_GZIP_BYTES);
  const strangers = inputs.filter((path) =>
    /lib\/platform\/node|electric-sql|node_modules\/(pg|ioredis|undici)\//.test(path),
  );
  expect(strangers).toEqual([]);
});
