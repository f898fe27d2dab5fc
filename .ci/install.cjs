// Installs the locked packages when they are missing or differ from package-lock.json.
// Runs before `npm start`, `npm test` and the other commands, so it must work on the
// Node that is already there (20 or newer), before any package is installed.
const { createHash } = require("node:crypto");
const { existsSync, readFileSync, writeFileSync } = require("node:fs");
const { execFileSync } = require("node:child_process");
const { join } = require("node:path");

const root = join(__dirname, "..");
const stampFile = join(root, "node_modules", ".gangway-lock-hash");
const lockHash = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");
const installedHash = existsSync(stampFile) ? readFileSync(stampFile, "utf8") : "";

if (installedHash !== lockHash) {
  // No package here needs an install script; see README, "Contributing".
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  writeFileSync(stampFile, lockHash);
}

// TypeScript is run as it is, which Node does from 22.18 on. On Linux the locked packages bring
// Node 24 along (npm puts it first on the PATH); elsewhere the installed one has to be new enough.
const bundled = existsSync(join(root, "node_modules", ".bin", "node"));
const [major, minor] = process.versions.node.split(".").map(Number);
if (!bundled && (major < 22 || (major === 22 && minor < 18))) {
  console.error(`Gangway needs Node 22.18 or newer on this platform; this is ${process.version}.`);
  process.exit(1);
}
