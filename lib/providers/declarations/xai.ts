import type { ProviderDeclaration } from "../provider-declaration.ts";

export const xAi: ProviderDeclaration = {
  id: "xai",
  name: "xAI",
  aliases: ["x-ai"],
  baseUrl: "https://api.x.ai/v1",
  apiKeyVariable: "XAI_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "json", "images", "video"],
  modelQuirks: [
    // An error on these; the effort is for one family only: docs.x.ai/docs/guides/reasoning (read 2026-11-25)
    { models: /^grok-3-mini/, drop: ["frequency_penalty", "presence_penalty", "stop"] },
    { models: /^grok-(?:4|code)/, drop: ["frequency_penalty", "presence_penalty", "reasoning_effort", "stop"] },
    { models: /^grok-3/, drop: ["reasoning_effort"] },
  ],
  // docs.x.ai/developers/faq/security (read 2026-11-25); prompts are kept for 30 days
  trainsOnPrompts: false,
  // Its reasoning models think for minutes before the first token.
  firstTokenTimeoutMs: 600_000,
};
