// What a browser kept of a password of Node-RED's own would be in the way of the login at the front.
localStorage.removeItem("auth-tokens" + location.pathname.slice(0, -1).replace(/\//g, "-"));
