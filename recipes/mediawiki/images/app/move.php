<?php
// move.php URL FORMER...: give the links in pages the address at which the wiki is now.

use MediaWiki\CommentStore\CommentStoreComment;
use MediaWiki\Maintenance\Maintenance;
use MediaWiki\Revision\RevisionAccessException;
use MediaWiki\Revision\RevisionRecord;
use MediaWiki\User\User;

class Move extends Maintenance {
	/** What the front of the former place answered: below the root of a host, other paths are of others. */
	private const OWN = '(?:wiki|images|resources|skins|extensions)/'
		. '|(?:api|img_auth|index|load|opensearch_desc|rest|thumb)\.php';

	private string $url;
	private string $plain;
	private string $encoded;

	public function __construct() {
		parent::__construct();
		$this->addArg( 'url', 'The present address, without a slash at the end' );
		$this->addArg( 'former', 'A former one', true, true );
	}

	public function execute(): void {
		$this->url = $this->getArg( 0 );
		$former = $this->getArgs( 1 );
		$this->prepare( $former );
		$shown = implode( ' and ', $former );
		$user = User::newSystemUser( User::MAINTENANCE_SCRIPT_USER, [ 'steal' => true ] );
		$summary = "The wiki has moved from $shown to {$this->url}";
		$count = 0;
		foreach ( $this->mentions( $former ) as $id ) {
			$count += $this->movePage( $id, $user, $summary );
		}
		$rows = $this->moveRows( 'interwiki', [ 'iw_prefix' ], [ 'iw_url', 'iw_api' ] )
			+ $this->moveRows( 'user_properties', [ 'up_user', 'up_property' ], [ 'up_value' ] );
		$this->dropCaches();
		$this->output( "moved from $shown to {$this->url}: $count pages, $rows other values\n" );
	}

	private function prepare( array $former ): void {
		$plain = $encoded = [];
		usort( $former, static fn ( $one, $other ) => strlen( $other ) - strlen( $one ) );
		foreach ( $former as $address ) {
			$parts = parse_url( $address );
			$host = preg_quote( $parts['host'], '~' );
			$port = $parts['port'] ?? null;
			$path = preg_quote( $parts['path'] ?? '', '~' );
			// What goes on is another host, another port, or another path with the same beginning.
			$end = '[-_]*[A-Za-z0-9]|\.[A-Za-z0-9]|@';
			$more = $path ? '|[\~+%]' : '|:[0-9]';
			$over = $path ? '' : '|\g{e}(?:3A[0-9]|40)';
			$plain[] = "(?i:$host)" . ( $port ? ":$port" : '(?::(?:80|443)(?![0-9]))?' ) . "$path(?!$end$more)";
			$encoded[] = $host . ( $port ? "\\g{e}3A$port" : '' )
				. str_replace( '/', '\g{e}2F', $path ) . "(?!$end$over)";
		}
		// In the path of another address it is part of a name, such as that of an archived copy.
		$this->plain = '~(?<scheme>(?<!/)(?i:https?:)|(?<![A-Za-z:/]))//(?:' . implode( '|', $plain ) . ')'
			. '(?!/(?!' . self::OWN . ')[^\s|\]}<>"\'?#])~';
		$this->encoded = '~(?<!/|%2F)https?(?<e>%(?:25)*)3A\g{e}2F\g{e}2F(?:' . implode( '|', $encoded ) . ')~i';
	}

	private function moved( string $text ): string {
		$plain = fn ( $found ) => $found['scheme'] === '' ? strstr( $this->url, '//' ) : $this->url;
		$encoded = fn ( $found ) => str_replace(
			[ ':', '/' ], [ "{$found['e']}3A", "{$found['e']}2F" ], $this->url
		);
		$text = preg_replace_callback( $this->plain, $plain, $text )
			?? throw new RuntimeException( preg_last_error_msg() );
		return preg_replace_callback( $this->encoded, $encoded, $text )
			?? throw new RuntimeException( preg_last_error_msg() );
	}

	/** The pages whose text may mention a former host; what is stored in another way than plainly is read. */
	private function mentions( array $former ): array {
		$mentioned = "old_id IS NULL OR old_flags LIKE '%gzip%' OR old_flags LIKE '%external%'";
		foreach ( $former as $address ) {
			$host = addcslashes( parse_url( $address, PHP_URL_HOST ), '\\%_' );
			$mentioned .= ' OR CAST(old_text AS TEXT) LIKE ' . $this->getPrimaryDB()->addQuotes( "%$host%" ) . " ESCAPE '\\'";
		}
		return $this->getPrimaryDB()->newSelectQueryBuilder()
			->select( 'page_id' )
			->distinct()
			->from( 'page' )
			->join( 'slots', null, 'slot_revision_id = page_latest' )
			->join( 'content', null, 'content_id = slot_content_id' )
			->leftJoin( 'text', null, [
				"content_address LIKE 'tt:%'",
				'old_id = CAST(SUBSTR(content_address, 4) AS INTEGER)',
			] )
			->where( $mentioned )
			->orderBy( 'page_id' )
			->caller( __METHOD__ )
			->fetchFieldValues();
	}

	private function movePage( int $id, User $user, string $summary ): int {
		$page = $this->getServiceContainer()->getWikiPageFactory()->newFromID( $id, IDBAccessObject::READ_LATEST );
		$revision = $page?->getRevisionRecord();
		// A start that was killed has done this one; its new address may begin as the former one does.
		if ( !$revision || $revision->getComment( RevisionRecord::RAW )?->text === $summary ) {
			return 0;
		}
		$updater = $page->newPageUpdater( $user );
		$changed = false;
		try {
			foreach ( $revision->getSlots()->getSlots() as $role => $slot ) {
				$content = $slot->getContent();
				$text = $content instanceof TextContent ? $content->getText() : '';
				$moved = $this->moved( $text );
				if ( $moved !== $text ) {
					$updater->setContent( $role, $content->getContentHandler()->unserializeContent( $moved ) );
					$changed = true;
				}
			}
		} catch ( RevisionAccessException $problem ) {
			$this->error( "not moved: {$page->getTitle()->getPrefixedText()}: {$problem->getMessage()}" );
			return 0;
		}
		if ( !$changed ) {
			return 0;
		}
		// Nobody wants a mail for each page that he watches.
		$flags = EDIT_UPDATE | EDIT_MINOR | EDIT_FORCE_BOT | EDIT_SUPPRESS_RC;
		$updater->saveRevision( CommentStoreComment::newUnsavedComment( $summary ), $flags );
		if ( !$updater->wasSuccessful() ) {
			$this->error( "not moved: {$page->getTitle()->getPrefixedText()}" );
			$this->error( $updater->getStatus() );
		}
		return (int)$updater->wasSuccessful();
	}

	/** Move what is no page: links to itself under a prefix, signatures. */
	private function moveRows( string $table, array $key, array $columns ): int {
		$db = $this->getPrimaryDB();
		$count = 0;
		$this->beginTransaction( $db, __METHOD__ );
		$rows = $db->newSelectQueryBuilder()->select( [ ...$key, ...$columns ] )->from( $table )
			->caller( __METHOD__ )->fetchResultSet();
		foreach ( $rows as $row ) {
			$row = (array)$row;
			$texts = array_intersect_key( $row, array_flip( $columns ) );
			$moved = array_map( fn ( $text ) => $this->moved( (string)$text ), $texts );
			$changed = array_diff_assoc( $moved, array_map( strval( ... ), $texts ) );
			if ( $changed ) {
				$db->newUpdateQueryBuilder()->update( $table )->set( $changed )
					->where( array_intersect_key( $row, array_flip( $key ) ) )->caller( __METHOD__ )->execute();
				$count += count( $changed );
			}
		}
		$this->commitTransaction( $db, __METHOD__ );
		return $count;
	}

	/** Forget what was rendered: the logins that are kept there, too, were for the former place. */
	private function dropCaches(): void {
		$file = $this->getConfig()->get( 'SQLiteDataDir' ) . '/wikicache.sqlite';
		if ( !is_file( $file ) ) {
			return;
		}
		$cache = new SQLite3( $file );
		$cache->busyTimeout( 60_000 );
		$cache->exec( 'DELETE FROM objectcache' ) || throw new RuntimeException( $cache->lastErrorMsg() );
	}
}

$maintClass = Move::class;
