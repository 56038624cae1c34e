<?php
// move.php FORMER URL: give the links in pages the address at which the wiki is now.

use MediaWiki\CommentStore\CommentStoreComment;
use MediaWiki\ExternalLinks\LinkFilter;
use MediaWiki\Maintenance\Maintenance;
use MediaWiki\Revision\RevisionAccessException;
use MediaWiki\Revision\RevisionRecord;
use MediaWiki\User\User;

class Move extends Maintenance {
	/** What the front of the former place answered: below the root of a host, other paths are of others. */
	private const OWN = '(?:wiki|images|resources|skins|extensions)/'
		. '|(?:api|img_auth|index|load|opensearch_desc|rest|thumb)\.php';

	private string $host;
	private string $plain;
	private string $encoded;

	public function __construct() {
		parent::__construct();
		$this->addArg( 'former', 'The former address, without a slash at the end' );
		$this->addArg( 'url', 'The present one' );
	}

	public function execute(): void {
		[ $former, $url ] = [ $this->getArg( 0 ), $this->getArg( 1 ) ];
		$this->prepare( $former );
		$user = User::newSystemUser( User::MAINTENANCE_SCRIPT_USER, [ 'steal' => true ] );
		$summary = "The wiki has moved from $former to $url";
		$count = 0;
		foreach ( $this->mentions() as $id ) {
			$count += $this->movePage( $id, $user, $summary, $url );
		}
		$rows = $this->moveRows( 'interwiki', [ 'iw_prefix' ], [ 'iw_url', 'iw_api' ], $url )
			+ $this->moveRows( 'user_properties', [ 'up_user', 'up_property' ], [ 'up_value' ], $url );
		$this->refreshOthers( $former );
		$this->getServiceContainer()->getObjectCacheFactory()->getInstance( CACHE_DB )->deleteAll();
		$this->output( "moved from $former to $url: $count pages, $rows values of other kinds\n" );
	}

	private function prepare( string $former ): void {
		$parts = parse_url( $former );
		$this->host = $parts['host'];
		$host = preg_quote( $parts['host'], '~' );
		$port = $parts['port'] ?? null;
		$path = array_filter( explode( '/', $parts['path'] ?? '' ), strlen( ... ) );
		$path = array_map( static fn ( $name ) => preg_quote( $name, '~' ), $path );
		$below = implode( array_map( static fn ( $name ) => "/$name", $path ) );
		// What goes on is another host, another port, or another path with the same beginning.
		$end = '(?![-_]*[A-Za-z0-9]|\.[A-Za-z0-9]|@' . ( $path ? '|[\~+%]' : '|:[0-9]' ) . ')';
		$over = '(?![-_]*[A-Za-z0-9]|\.[A-Za-z0-9]|@' . ( $path ? '' : '|\g{e}(?:3A[0-9]|40)' ) . ')';
		$own = self::OWN;
		$this->plain = '~(?<scheme>(?<!/)(?i:https?:)|(?<![A-Za-z:/]))//'
			. "(?i:$host)" . ( $port ? ":$port" : '(?::(?:80|443)(?![0-9]))?' )
			. "$below$end(?!/(?!$own)[^\\s|\\]}<>\"'?#])~";
		$this->encoded = '~(?<!/|%2F)https?(?<e>%(?:25)*)3A\g{e}2F\g{e}2F' . $host . ( $port ? "\\g{e}3A$port" : '' )
			. str_replace( '/', '\g{e}2F', $below ) . $over . '~i';
	}

	private function moved( string $text, string $url ): string {
		$plain = static fn ( $found ) => $found['scheme'] === '' ? strstr( $url, '//' ) : $url;
		$encoded = static fn ( $found ) => str_replace(
			[ ':', '/' ], [ "{$found['e']}3A", "{$found['e']}2F" ], $url
		);
		$text = preg_replace_callback( $this->plain, $plain, $text )
			?? throw new RuntimeException( preg_last_error_msg() );
		return preg_replace_callback( $this->encoded, $encoded, $text )
			?? throw new RuntimeException( preg_last_error_msg() );
	}

	/** The pages whose text may mention the former host; what is stored in another way than plainly is read. */
	private function mentions(): array {
		$like = $this->getPrimaryDB()->addQuotes( '%' . addcslashes( $this->host, '\\%_' ) . '%' );
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
			->where( "old_id IS NULL OR old_flags LIKE '%gzip%' OR old_flags LIKE '%external%'"
				. " OR CAST(old_text AS TEXT) LIKE $like ESCAPE '\\'" )
			->orderBy( 'page_id' )
			->caller( __METHOD__ )
			->fetchFieldValues();
	}

	private function movePage( int $id, User $user, string $summary, string $url ): int {
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
				$moved = $this->moved( $text, $url );
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
	private function moveRows( string $table, array $key, array $columns, string $url ): int {
		$db = $this->getPrimaryDB();
		$count = 0;
		$this->beginTransactionRound( __METHOD__ );
		$rows = $db->newSelectQueryBuilder()->select( [ ...$key, ...$columns ] )->from( $table )
			->caller( __METHOD__ )->fetchResultSet();
		foreach ( $rows as $row ) {
			$row = (array)$row;
			$texts = array_intersect_key( $row, array_flip( $columns ) );
			$moved = array_map( fn ( $text ) => $this->moved( (string)$text, $url ), $texts );
			$changed = array_diff_assoc( $moved, array_map( strval( ... ), $texts ) );
			if ( $changed ) {
				$db->newUpdateQueryBuilder()->update( $table )->set( $changed )
					->where( array_intersect_key( $row, array_flip( $key ) ) )->caller( __METHOD__ )->execute();
				$count += count( $changed );
			}
		}
		$this->commitTransactionRound( __METHOD__ );
		return $count;
	}

	/** Have the links of pages found again that mention no address and contain one all the same, as by {{SERVER}}. */
	private function refreshOthers( string $former ): void {
		$services = $this->getServiceContainer();
		$hosts = array_column( LinkFilter::makeIndexes( $former ), 0 );
		$ids = $this->getPrimaryDB()->newSelectQueryBuilder()->select( 'el_from' )->distinct()->from( 'externallinks' )
			->where( [ 'el_to_domain_index' => $hosts ] )->caller( __METHOD__ )->fetchFieldValues();
		foreach ( $ids ? $services->getPageStore()->newSelectQueryBuilder()->wherePageIds( $ids )->fetchPageRecords() : [] as $page ) {
			$services->getJobQueueGroup()->push( RefreshLinksJob::newDynamic( $page, [] ) );
		}
	}
}

$maintClass = Move::class;
