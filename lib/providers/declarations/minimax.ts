import type { ProviderDeclaration } from "../provider-declaration.ts";

export const miniMax: ProviderDeclaration = {
  id: "minimax",
  name: "MiniMax",
  baseUrl: "https://api.minimax.io/v1",
  apiKeyVariable: "MINIMAX_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision"],
  // platform.minimax.io/docs/api-reference/text-anthropic-api (read 2026-11-25)
  alsoSpeaks: { anthropic: "https://api.minimax.io/anthropic/v1" },
  authorization: "bearer",
  // Otherwise its thoughts stand in the text, between tags: platform.minimax.io/docs/api-reference/text-openai-api (read 2026-11-25)
  defaults: { reasoning_split: true },
  // `"role": ""` in its chunks, which clients refuse: github.com/MiniMax-AI/MiniMax-M2.5/issues/2 (read 2026-11-25)
  translatesReplies: true,
};
