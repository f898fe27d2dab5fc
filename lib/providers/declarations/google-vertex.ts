import type { ProviderDeclaration } from "../provider-declaration.ts";

/** cloud.google.com/vertex-ai/generative-ai/docs/learn/locations (read 2026-11-25) */
export const googleVertex: ProviderDeclaration = {
  id: "google-vertex",
  name: "Google Vertex AI",
  aliases: ["google", "vertex_ai"],
  baseUrl: "https://{location}-aiplatform.googleapis.com/v1/projects/{project}/locations/{location}",
  baseUrlsByLocation: {
    global: "https://aiplatform.googleapis.com/v1/projects/{project}/locations/global",
    us: "https://aiplatform.us.rep.googleapis.com/v1/projects/{project}/locations/us",
    eu: "https://aiplatform.eu.rep.googleapis.com/v1/projects/{project}/locations/eu",
  },
  apiKeyVariable: "GOOGLE_VERTEX_CREDENTIALS_JSON",
  capabilities: ["chat", "streaming", "tools", "vision", "json", "embeddings", "images", "audio_speech"],
  apiKeyIsJson: true,
  variables: {
    project: { name: "GOOGLE_PROJECT_ID" },
    // New models appear there first, and some nowhere else.
    location: { name: "GOOGLE_VERTEX_LOCATION", byDefault: "global" },
  },
  authorization: "google-service-account",
  wire: "vertex-gemini",
  modelWires: [
    { models: /^claude-/, wire: "vertex-anthropic" },
    // Open models by their makers' names: meta/llama-…-maas, openai/gpt-oss-…-maas.
    { models: /\//, wire: "openai", path: "endpoints/openapi" },
  ],
};
