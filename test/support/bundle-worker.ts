import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** Bundles an entry the way its platform does: web conditions, Node's names only where the runtime has them. */
export async function bundleEntry(
  entry: "api/_worker.ts" | "api/index.ts",
  target: "workerd" | "edge-light",
): Promise<{ readonly code: string; readonly gzipBytes: number; readonly inputs: readonly string[] }> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    minify: true,
    format: target === "workerd" ? "esm" : "iife",
    ...(target === "workerd" ? {} : { globalName: "entry" }),
    platform: "browser",
    target: "es2024",
    conditions: [target, "worker", "browser", "import"],
    mainFields: ["browser", "module", "main"],
    external: ["node:*", "cloudflare:*"],
    logLevel: "error",
  });
  const code = result.outputFiles[0]?.text ?? "";
  return { code, gzipBytes: gzipSync(code).length, inputs: Object.keys(result.metafile.inputs) };
}
