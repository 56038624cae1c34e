const { readFileSync } = require("node:fs");
const { readFile } = require("node:fs/promises");
const { join } = require("node:path").posix;

const secret = (name) => readFileSync(`/run/secrets/${name}`, "utf8").trim();
const route = "/";
const users = async () => JSON.parse(await readFile("/srv/data/users.json", "utf8"));
const online = false;

module.exports = {
    uiHost: "127.0.0.1",
    uiPort: 1880,
    httpAdminRoot: route,
    httpNodeRoot: join(route, "/"),
    httpServerOptions: { "trust proxy": "loopback" },
    apiMaxLength: 67108864,

    // The front says who is logged in. Without a type there are no passwords, and no sessions of former ones. On /comms
    // the editor may also say a name: what that is shown is the same for all who may look.
    adminAuth: {
        tokenHeader: "x-remote-user",
        tokens: async (name) => {
            const known = (await users()).find((user) => user.username === name);
            return { username: name, permissions: known ? known.permissions : "*" };
        },
    },

    flowFile: "flows.json",
    credentialSecret: secret("credential_secret"),
    contextStorage: { default: { module: "memory" } },

    // Without a network, looking for npm would only make each start longer.
    externalModules: {
        autoInstall: false,
        palette: { allowInstall: online, allowUpdate: online },
        modules: { allowInstall: online },
    },

    // Node-RED is updated with the recipe.
    telemetry: { enabled: false, updateNotification: false },
    logging: { console: { level: "warn", metrics: false, audit: false } },
    // Projects are off. Saying so would be a warning at each start.
    editorTheme: {
        projects: {},
        page: { scripts: "/usr/local/share/node-red/forget-tokens.js" },
        logout: { redirect: "/.chainsaw/logout" },
    },
};
