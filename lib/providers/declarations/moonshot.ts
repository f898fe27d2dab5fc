import type { ProviderDeclaration } from "../provider-declaration.ts";

export const moonshot: ProviderDeclaration = {
  id: "moonshot",
  name: "Moonshot AI",
  aliases: ["moonshotai"],
  baseUrl: "https://api.moonshot.ai/v1",
  apiKeyVariable: "MOONSHOT_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "json"],
  // platform.kimi.ai/docs/api/overview (read 2026-11-25)
  alsoSpeaks: { anthropic: "https://api.moonshot.ai/anthropic/v1" },
  authorization: "bearer",
  // Wants its thoughts back within a tool loop: litellm, llms/moonshot/chat/transformation.py (read 2026-11-25)
  understands: ["reasoning_content"],
};
