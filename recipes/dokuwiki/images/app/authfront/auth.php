<?php
// The web server says who is logged in, and in which groups; real names, addresses and further groups are in DokuWiki's
// own list of users.

class auth_plugin_authfront extends auth_plugin_authplain
{
    public function __construct()
    {
        parent::__construct();
        $this->cando['external'] = true;
        $this->cando['logout'] = (bool) $this->getConf('logout');
        $this->cando['modLogin'] = $this->cando['modPass'] = false;
    }

    public function trustExternal($user, $pass, $sticky = false)
    {
        global $INPUT, $USERINFO, $conf;
        $name = $this->cleanUser($INPUT->server->str('REMOTE_USER'));
        if ($name === '') {
            return false;
        }
        $INPUT->server->set('REMOTE_USER', $name);
        // Groups of the front are for this request alone: none of them is written into the list.
        $groups = array_filter(array_map('trim', explode(',', $INPUT->server->str('REMOTE_GROUPS'))), 'strlen');
        $USERINFO = $this->getUserData($name) ?: ['name' => $name, 'mail' => '', 'grps' => []];
        $USERINFO['grps'] = array_values(array_unique([...$USERINFO['grps'], ...$groups, $conf['defaultgroup']]));
        return true;
    }

    // The first change of a profile puts its user on the list.
    public function modifyUser($user, $changes)
    {
        if ($this->getUserData($user) === false) {
            $this->createUser($user, bin2hex(random_bytes(16)), $user, '');
        }
        return parent::modifyUser($user, $changes);
    }

    public function logOff()
    {
        send_redirect($this->getConf('logout'));
    }

    // What DokuWiki takes out of names would make one user of kim@example.org and kim_example.org.
    public function cleanUser($user)
    {
        return strtolower(trim($user));
    }

    public function cleanGroup($group)
    {
        return strtolower(trim($group));
    }
}
