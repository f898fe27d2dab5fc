import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, test } from "vitest";

/** What each folder may import of ours, besides itself: STYLE section 1, and the pairs of subjects that we allow. */
const BASE = ["lib/errors", "lib/money", "lib/ports"];
const SUBJECT = ["lib/protocol", "lib/telemetry", "lib/database", ...BASE];
const ALL_SUBJECTS = [
  ...["lib/accounts", "lib/providers", "lib/catalog", "lib/limits", "lib/billing", "lib/cache", "lib/health"],
  ...["lib/webhooks", "lib/batches", "lib/responses", ...SUBJECT],
];
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "lib/ports": ["type lib/database"],
  "lib/errors": [],
  "lib/money": [],
  "lib/protocol": BASE,
  "lib/telemetry": BASE,
  // The list of migrations gathers each subject's own, which lie in this folder; tables.ts joins their types.
  "lib/database": BASE,
  "lib/accounts": [...SUBJECT, "lib/billing"],
  "lib/providers": SUBJECT,
  "lib/catalog": [...SUBJECT, "lib/providers"],
  "lib/limits": SUBJECT,
  "lib/billing": SUBJECT,
  "lib/cache": SUBJECT,
  "lib/health": SUBJECT,
  "lib/webhooks": SUBJECT,
  // What files, batches and responses hold is sealed as an account's secrets are.
  "lib/batches": [...SUBJECT, "lib/accounts"],
  "lib/responses": [...SUBJECT, "lib/accounts"],
  "lib/routing": ["lib/catalog", "lib/health", "lib/providers", ...SUBJECT],
  "lib/inference": ["lib/routing", ...ALL_SUBJECTS],
  // A job may make inference calls, as a client does.
  "lib/jobs": ["lib/inference", "lib/routing", ...ALL_SUBJECTS],
  "lib/platform": ["lib/ports", "lib/database", "lib/errors"],
};

const LINES_WITH_LOGIC = 400;
/** An entry's framework asks for a default export. */
const DEFAULT_EXPORTS = ["api/index.ts", "api/_worker.ts"];

interface Source {
  readonly path: string;
  readonly text: string;
  /** Without comments and the contents of strings, so that words in them are not taken for code. */
  readonly code: string;
}

const sources: readonly Source[] = globSync("{api,lib}/**/*.ts")
  .toSorted()
  .map((path) => {
    const text = readFileSync(path, "utf8");
    return { path, text, code: codeOf(text) };
  });
const library = sources.filter(({ path }) => path.startsWith("lib/"));
const webOnly = library.filter(({ path }) => !path.startsWith("lib/platform/"));

function codeOf(text: string): string {
  const tokens = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g;
  return text.replace(tokens, (token) => (token.startsWith("/") ? "" : '""'));
}

interface Import {
  readonly from: string;
  readonly typeOnly: boolean;
}

function importsOf({ text }: Source): readonly Import[] {
  const statements = /^(?:import|export)\s+(type\s+)?(?:[\s\S]*?\sfrom\s+)?"([^"]+)"/gm;
  const dynamic = /\bimport\("([^"]+)"\)/g;
  return [
    ...[...text.matchAll(statements)].map((match) => ({ from: match[2] ?? "", typeOnly: match[1] !== undefined })),
    ...[...text.matchAll(dynamic)].map((match) => ({ from: match[1] ?? "", typeOnly: false })),
  ];
}

/** `lib/billing` for a file under it. */
function folderOf(path: string): string {
  return path.split("/").slice(0, 2).join("/");
}

function offenders(files: readonly Source[], pattern: RegExp): readonly string[] {
  return files.flatMap(({ path, code }) =>
    code.split("\n").flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1} ${line.trim()}`] : [])),
  );
}

describe("architecture", () => {
  test("there is something to look at", () => {
    expect(library.length).toBeGreaterThan(50);
  });

  test("imports point down the list, never up", () => {
    const wrong = library.flatMap((source) => {
      const folder = folderOf(source.path);
      const allowed = MAY_IMPORT[folder];
      if (allowed === undefined) return [`${source.path}: ${folder} is not in the table`];
      return importsOf(source).flatMap(({ from, typeOnly }) => {
        if (!from.startsWith(".")) return [];
        const target = folderOf(normalize(join(dirname(source.path), from)));
        const fine = target === folder || allowed.includes(target) || (typeOnly && allowed.includes(`type ${target}`));
        return fine ? [] : [`${source.path} imports ${from}`];
      });
    });
    expect(wrong).toEqual([]);
  });

  test("only api/ imports hono; only the platform and entries import what runs on one platform", () => {
    const wrong = sources.flatMap((source) =>
      importsOf(source).flatMap(({ from, typeOnly }) => {
        const hono = /^@?hono/.test(from);
        const platform = /^(?:node:|pg$|ioredis|undici|@electric-sql|wrangler|miniflare|cloudflare:)/.test(from);
        if (hono && source.path.startsWith("lib/") && !source.path.startsWith("lib/platform/"))
          return [`${source.path} imports ${from}`];
        const onNode = source.path.startsWith("lib/platform/") || source.path.startsWith("api/_node/");
        return platform && !typeOnly && !onNode ? [`${source.path} imports ${from}`] : [];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test("imports carry their suffix", () => {
    const wrong = sources.flatMap((source) =>
      importsOf(source).flatMap(({ from }) =>
        from.startsWith(".") && !/\.(?:ts|json)$/.test(from) ? [`${source.path} imports ${from}`] : [],
      ),
    );
    expect(wrong).toEqual([]);
  });

  test("lib/ takes time, chance, variables and the network from its ports", () => {
    const forbidden =
      /\bprocess\.|\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.now\(|(?<![\w.#])(?:setTimeout|setInterval|setImmediate|fetch)\(|\bBuffer\.|\bnavigator\./;
    expect(offenders(webOnly, forbidden)).toEqual([]);
  });

  test("no module of lib/ has state of its own", () => {
    const state =
      /^(?:export\s+)?(?:let|var)\s|^(?:export\s+)?const\s+\w+[^=]*=\s*new (?:Map|WeakMap|Array)\(\)|^(?:export\s+)?const\s+\w+(?::(?!\s*readonly)[^=]*)?\s*=\s*(?:\[\]|\{\});/;
    expect(offenders(webOnly, state)).toEqual([]);
  });

  test("named exports only, no enum, no any, no barrel", () => {
    const plain = sources.filter(({ path }) => !DEFAULT_EXPORTS.includes(path));
    expect(offenders(plain, /^export default\b/)).toEqual([]);
    expect(offenders(sources, /^(?:export\s+)?(?:const\s+)?enum\s/)).toEqual([]);
    expect(offenders(sources, /:\s*any\b|\bas any\b|<any>/)).toEqual([]);
    expect(offenders(sources, /^export (?:\*|\{[^}]*\} from)/)).toEqual([]);
  });

  test("a file that decides something fits in a reader's head", () => {
    const long = sources.filter(({ text, code }) => {
      const decides = /\b(?:if|for|while|switch)\s*\(/.test(code);
      return decides && text.split("\n").length > LINES_WITH_LOGIC;
    });
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  test("nothing outside lib/providers/ compares a provider's id", () => {
    const ids = globSync("lib/providers/declarations/*.ts").map(
      (path) => /\bid:\s*"([^"]+)"/.exec(readFileSync(path, "utf8"))?.[1] ?? path,
    );
    expect(ids.length).toBeGreaterThan(10);
    // A client format and a wire bear the names of their inventors: those two count where a provider is compared.
    const names = ids.filter((id) => id !== "openai" && id !== "anthropic").join("|");
    const compares = new RegExp(
      `(?:[!=]==?|\\bcase|\\.(?:includes|has|startsWith)\\()\\s*"(?:${names})"|"(?:${names})"\\s*[!=]==?` +
        `|(?:[pP]rovider(?:Id|\\.id)?|\\bslug)\\s*[!=]==?\\s*"(?:openai|anthropic)"`,
    );
    expect(compares.test('if (provider.id === "groq") {')).toBe(true);
    expect(compares.test('case "huggingface":')).toBe(true);
    expect(compares.test('format === "openai"')).toBe(false);
    const wrong = sources
      .filter(({ path }) => !path.startsWith("lib/providers/"))
      .flatMap(({ path, text }) =>
        text.split("\n").flatMap((line, index) => (compares.test(line) ? [`${path}:${index + 1} ${line.trim()}`] : [])),
      );
    expect(wrong).toEqual([]);
  });
});
