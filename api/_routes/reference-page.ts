import { html, raw } from "hono/html";
import { ERROR_CATALOG } from "../../lib/errors/error-catalog.ts";
import type { Policy } from "../_http/caller.ts";
import { jsonSchemaOf } from "../_http/openapi.ts";
import type { Route } from "../_http/route.ts";
import { type Field, fieldsOf } from "./schema-fields.ts";

type Html = ReturnType<typeof html>;

const POLICY_LABELS: Readonly<Record<Policy, string>> = {
  public: "open",
  key: "API key",
  admin: "operator",
  "key-or-admin": "API key or operator",
};

/** All routes on one page that needs no script. */
export function renderReference(routes: readonly Route[], version: string, publicUrl: string | null): string {
  const tags = [...new Set(routes.map(({ documentation }) => documentation.tag))];
  const baseUrl = publicUrl ?? "https://your-gateway.example";
  return String(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Gangway API reference</title>
<link rel="stylesheet" href="/docs/style.css">
</head>
<body>
<header>
<h1>Gangway</h1>
<p>One base URL and one key in front of many model providers. Point an OpenAI or Anthropic client at it.</p>
<p class="quiet">Version ${version}. As a document for tools: <a href="/openapi.json">openapi.json</a></p>
<nav aria-label="Sections"><ul>${tags.map((tag) => html`<li><a href="#${tag}">${tag}</a></li>`)}<li><a href="#errors">Errors</a></li></ul></nav>
</header>
<main>
<h2 id="authentication">Authentication</h2>
<p>Send your key as <code>Authorization: Bearer gw_…</code> or as <code>x-api-key: gw_…</code>; both work on every route.
Operator routes take the gateway's <code>ADMIN_API_KEY</code> as the bearer token.</p>
${tags.map((tag) => section(tag, routes, baseUrl))}
${errorSection()}
</main>
<footer>Money is a decimal string in USD. Every response carries <code>x-request-id</code>.</footer>
</body>
</html>
`);
}

function section(tag: string, routes: readonly Route[], baseUrl: string): Html {
  const own = routes.filter(({ documentation }) => documentation.tag === tag);
  return html`<h2 id="${tag}">${tag}</h2>${own.map((route) => entry(route, baseUrl))}`;
}

function entry(route: Route, baseUrl: string): Html {
  const { documentation, method, path, policy } = route;
  const { body, query, reply } = documentation;
  return html`<details class="route">
<summary><span class="method">${method}</span><span class="path">${path}</span><span class="policy">${POLICY_LABELS[policy]}</span>
<span class="summary">${documentation.summary}</span></summary>
<div class="detail">
${documentation.description === undefined ? "" : html`<p>${prose(documentation.description)}</p>`}
${query === undefined ? "" : fieldTable("Query", fieldsOf(jsonSchemaOf(query, "input")))}
${body === undefined ? "" : fieldTable("Request body", fieldsOf(jsonSchemaOf(body, "input")))}
<h3>Example</h3><pre><code>${curl(route, baseUrl)}</code></pre>
${typeof reply === "string" ? html`<h3>Response</h3><p>${reply}</p>` : fieldTable("Response", fieldsOf(jsonSchemaOf(reply, "output")))}
</div>
</details>
`;
}

/** Back-quoted words as code; everything else is escaped as it is. */
function prose(text: string): readonly (Html | string)[] {
  return text.split("`").map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part));
}

function fieldTable(title: string, fields: readonly Field[]): Html {
  if (fields.length === 0) return html`<h3>${title}</h3><p class="quiet">A JSON object.</p>`;
  return html`<h3>${title}</h3><div class="fields"><table><thead><tr><th>Field</th><th>Type</th><th></th></tr></thead><tbody>
${fields.map(
  (field) =>
    html`<tr><td><code>${field.name}</code></td><td>${field.type}</td><td>${[field.required ? "required" : "", field.range, field.description].filter((part) => part !== "").join("; ")}</td></tr>`,
)}</tbody></table></div>`;
}

function curl({ method, path, policy, documentation }: Route, baseUrl: string): string {
  const lines = [`curl ${method === "GET" ? "" : `-X ${method} `}${baseUrl}${documentation.examplePath ?? path}`];
  if (policy === "admin") lines.push(`-H "Authorization: Bearer $ADMIN_API_KEY"`);
  else if (policy !== "public") lines.push(`-H "Authorization: Bearer $GANGWAY_API_KEY"`);
  if (documentation.files !== undefined) {
    lines.push(
      "-F model=<model>",
      ...documentation.files.filter(({ required }) => required).map(({ name }) => `-F ${name}=@<path>`),
    );
  } else if (documentation.body !== undefined) {
    lines.push(`-H "Content-Type: application/json"`, `-d '${JSON.stringify(documentation.exampleBody ?? {})}'`);
  }
  return lines.join(" \\\n  ");
}

function errorSection(): Html {
  const rows = Object.entries(ERROR_CATALOG).map(
    ([code, { status, openai, anthropic }]) =>
      `<tr><td><code>${code}</code></td><td>${status}</td><td>${openai}</td><td>${anthropic}</td></tr>`,
  );
  return html`<h2 id="errors">Errors</h2>
<p>OpenAI routes answer <code>{"error": {"message", "type", "param", "code", "request_id"}}</code>, Anthropic routes
<code>{"type": "error", "error": {"type", "message"}, "request_id"}</code>. Where a retry cannot help, <code>x-should-retry: false</code> says so.</p>
<div class="fields"><table><thead><tr><th>Code</th><th>Status</th><th>OpenAI type</th><th>Anthropic type</th></tr></thead><tbody>${raw(rows.join(""))}</tbody></table></div>`;
}
