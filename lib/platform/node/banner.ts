const EXAMPLE_MODEL: Readonly<Record<string, string>> = {
  openai: "openai/gpt-4o-mini",
  anthropic: "anthropic/claude-haiku-4.5",
  gangway: "gangway/echo",
};

/** Tells a newcomer what to do next: the address, the key, and a call that works as it stands. */
export function printBanner(url: string, localKey: string | null, providers: readonly string[]): void {
  const model =
    providers.map((provider) => EXAMPLE_MODEL[provider]).find((known) => known !== undefined) ?? "openai/gpt-4o-mini";
  const key = localKey ?? "<your key>";
  process.stdout.write(`
Gangway is running.

  Base URL   ${url}/v1
  API key    ${key}
  Providers  ${providers.join(", ")}
  Reference  ${url}/docs

  curl ${url}/v1/chat/completions -H 'authorization: Bearer ${key}' -H 'content-type: application/json' -d '{"model":"${model}","messages":[{"role":"user","content":"Hello!"}]}'

`);
}
