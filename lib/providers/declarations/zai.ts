import type { ProviderDeclaration } from "../provider-declaration.ts";

export const zAi: ProviderDeclaration = {
  id: "zai",
  name: "Z.AI (Zhipu)",
  aliases: ["z-ai"],
  baseUrl: "https://api.z.ai/api/paas/v4",
  apiKeyVariable: "ZAI_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "json"],
  alsoKeyVariables: ["ZHIPU_API_KEY"],
  // ANTHROPIC_BASE_URL and ANTHROPIC_AUTH_TOKEN: docs.z.ai/devpack/tool/claude (read 2026-11-25)
  alsoSpeaks: { anthropic: "https://api.z.ai/api/anthropic/v1" },
  authorization: "bearer",
  // Knows the older name only, and no penalties: java.agentscope.io/v2/en/integration/model/glm (read 2026-11-25)
  rename: { max_completion_tokens: "max_tokens" },
  drop: ["frequency_penalty", "presence_penalty"],
  stripFromReply: ["request_id"],
};
