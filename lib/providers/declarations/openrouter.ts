import type { ProviderDeclaration } from "../provider-declaration.ts";

export const openRouter: ProviderDeclaration = {
  id: "openrouter",
  name: "OpenRouter",
  baseUrl: "https://openrouter.ai/api/v1",
  apiKeyVariable: "OPENROUTER_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "json", "images", "embeddings"],
  headersFrom: { "http-referer": "OPENROUTER_SITE_URL", "x-title": "OPENROUTER_SITE_NAME" },
  // POST /messages with a bearer token: openrouter.ai/docs/api/api-reference/anthropic-messages (read 2026-11-25)
  alsoSpeaks: { anthropic: null },
  authorization: "bearer",
  understands: ["transforms", "plugins", "session_id", "cache_control", "reasoning_details"],
  // Its own names on every reply: openrouter.ai/docs/api-reference/overview (read 2026-11-23)
  stripFromReply: ["provider", "usage.is_byok", "usage.cost_details"],
};
