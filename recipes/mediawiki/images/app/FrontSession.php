<?php
// Whoever logs in at the front is a user of the wiki, of the same name and in the groups of the front. Of these, none is
// written into the database: a group ends with what the front says.

use MediaWiki\MediaWikiServices;
use MediaWiki\Request\WebRequest;
use MediaWiki\Session\ImmutableSessionProviderWithCookie;
use MediaWiki\Session\SessionInfo;
use MediaWiki\Session\SessionManager;
use MediaWiki\Session\UserInfo;
use MediaWiki\User\UserRigorOptions;

class FrontSession extends ImmutableSessionProviderWithCookie {
	// What the wiki's first user is in.
	private const OF_ADMIN = [ 'sysop', 'bureaucrat', 'interface-admin' ];

	public function provideSessionInfo( WebRequest $request ) {
		if ( ( $_SERVER['REMOTE_USER'] ?? '' ) === '' ) {
			return null;
		}
		$name = self::name();
		return $name === false ? $this->makeException( 'noname' ) : new SessionInfo( SessionInfo::MAX_PRIORITY, [
			'provider' => $this,
			'id' => $this->hashToSessionId( $name ),
			'userInfo' => UserInfo::newFromName( $name, true ),
			'persisted' => true,
			'forceUse' => true,
		] );
	}

	// Nobody is logged in where the front looks whether the wiki works, and on the command line.
	public function newSessionInfo( $id = null ) {
		return new SessionInfo( SessionInfo::MIN_PRIORITY, [
			'provider' => $this,
			'id' => $id,
			'userInfo' => UserInfo::newAnonymous(),
			'idIsSafe' => true,
		] );
	}

	// Before MediaWiki makes a user of who comes for the first time. What only reads has a transaction in which SQLite lets
	// nobody write once somebody else has; this one waits for its turn. Otherwise the name would be refused for ten minutes.
	public static function prepare() {
		if ( self::name() === false || defined( 'MW_NO_SESSION' ) ||
			SessionManager::getGlobalSession()->getUser()->isRegistered()
		) {
			return;
		}
		$database = MediaWikiServices::getInstance()->getConnectionProvider()->getPrimaryDatabase();
		$database->flushSnapshot( __METHOD__ );
		$database->newUpdateQueryBuilder()->update( 'user' )->set( [ 'user_editcount' => 0 ] )
			->where( [ 'user_id' => 0 ] )->caller( __METHOD__ )->execute();
	}

	public function canAlwaysAutocreate(): bool {
		return true;
	}

	public function preventSessionsForUser( $username ) {
	}

	public static function onUserEffectiveGroups( $user, array &$groups ) {
		if ( $user->getName() !== self::name() ) {
			return;
		}
		$said = array_filter( array_map( 'trim', explode( ',', $_SERVER['REMOTE_GROUPS'] ?? '' ) ), 'strlen' );
		array_push( $groups, ...$said, ...( in_array( 'admin', $said, true ) ? self::OF_ADMIN : [] ) );
	}

	// MediaWiki writes the first letter large, and _ as a space. Two names never become one, so none has either of these.
	private static function name(): string|false {
		$said = $_SERVER['REMOTE_USER'] ?? '';
		$services = MediaWikiServices::getInstance();
		$name = $services->getUserNameUtils()->getCanonical( $said, UserRigorOptions::RIGOR_USABLE );
		$first = mb_substr( $said, 0, 1 );
		$written = $services->getContentLanguage()->ucfirst( strtr( $said, '_', ' ' ) );
		$alike = str_contains( $said, ' ' ) || mb_strtolower( $first ) !== $first;
		return $name === $written && !$alike ? $name : false;
	}
}
