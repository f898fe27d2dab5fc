import type { ProviderDeclaration } from "../provider-declaration.ts";

/**
 * Its `citations` and `search_results` stay in a reply: they are what a search model is asked for. Perplexity has announced
 * the end of this API for 2026-09-27 and still documents it: docs.perplexity.ai/docs/agent-api/migrate-from-sonar (read 2026-11-25).
 */
export const perplexity: ProviderDeclaration = {
  id: "perplexity",
  name: "Perplexity",
  baseUrl: "https://api.perplexity.ai",
  apiKeyVariable: "PERPLEXITY_API_KEY",
  capabilities: ["chat", "streaming", "vision"],
  // Refuses or ignores these: docs.getbifrost.ai/providers/supported-providers/perplexity (read 2026-11-25)
  drop: ["logit_bias", "logprobs", "parallel_tool_calls", "seed", "service_tier", "stop", "top_logprobs"],
  stripFromReply: ["usage.search_context_size", "usage.citation_tokens", "usage.num_search_queries"],
};
