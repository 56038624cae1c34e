// Start the server where nobody else reaches it, which migrates its data, and set the first password unless there is one.

const { readFileSync } = require("node:fs");

const account = `http://127.0.0.1:${process.env.ACTUAL_PORT}/account`;

async function answer(path, options) {
    const response = await fetch(account + path, options);
    const { status, data, reason } = await response.json();
    if (status !== "ok") {
        throw new Error(`${path}: ${reason}`);
    }
    return data;
}

async function answers() {
    for (;;) {
        try {
            return await answer("/needs-bootstrap");
        } catch (error) {
            if (error.cause?.code !== "ECONNREFUSED") {
                throw error;
            }
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}

async function bringUp() {
    await import("/usr/local/lib/node_modules/@actual-app/sync-server/build/app.js");
    const { bootstrapped } = await answers();
    if (!bootstrapped) {
        const password = readFileSync("/run/secrets/admin_password", "utf8").trim();
        const headers = { "Content-Type": "application/json" };
        await answer("/bootstrap", { method: "POST", headers, body: JSON.stringify({ password }) });
    }
}

bringUp().then(
    () => process.exit(0),
    (error) => {
        console.error(error);
        process.exit(1);
    },
);
