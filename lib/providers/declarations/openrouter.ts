import type { ProviderDeclaration } from "../provider-declaration.ts";

export const openRouter: ProviderDeclaration = {
  id: "openrouter",
  name: "OpenRouter",
  baseUrl: "https://openrouter.ai/api/v1",
  apiKeyVariable: "OPENROUTER_API_KEY",
  capabilities: ["chat", "embeddings"],
  understands: ["transforms", "plugins", "session_id", "cache_control", "reasoning_details"],
  // Its own names on every reply: openrouter.ai/docs/api-reference/overview (read 2026-11-23)
  stripFromReply: ["provider"],
};
