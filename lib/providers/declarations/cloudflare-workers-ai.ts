import type { ProviderDeclaration } from "../provider-declaration.ts";

/** developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility (read 2026-11-25) */
export const cloudflareWorkersAi: ProviderDeclaration = {
  id: "cloudflare-workers-ai",
  name: "Cloudflare Workers AI",
  aliases: ["cloudflare"],
  baseUrl: "https://api.cloudflare.com/client/v4/accounts/{account_id}/ai/v1",
  apiKeyVariable: "CLOUDFLARE_API_TOKEN",
  capabilities: ["chat", "streaming", "tools", "vision", "json", "embeddings", "rerank", "audio_speech"],
  variables: { account_id: { name: "CLOUDFLARE_ACCOUNT_ID" } },
  rename: { max_completion_tokens: "max_tokens" },
};
