<?php
// Written by chainsaw. What is in the volume settings comes after this, and wins.

defined( 'MEDIAWIKI' ) || exit;

$wgServer = 'https://wiki.example.org:8443';
$wgScriptPath = '/w';
$wgArticlePath = "$wgScriptPath/wiki/$1";
$wgSitename = 'MediaWiki';
// The name may change, the titles of pages and the links to them may not.
$wgMetaNamespace = 'Project';
$wgLocaltimezone = 'UTC';
$wgLanguageCode = current( array_filter(
	[ 'en', 'en', 'en' ],
	static fn ( $code ) => is_file( "$IP/languages/i18n/$code.json" )
) );
$wgSecretKey = file_get_contents( '/run/secrets/secret_key' ) ?: exit( 'no secret_key' );

$wgDBtype = 'sqlite';
$wgDBname = 'wiki';
$wgSQLiteDataDir = '/srv/data/wiki';
( static function ( array $apart ) {
	global $wgObjectCaches, $wgLocalisationCacheConf, $wgJobTypeConf;
	$wgObjectCaches[CACHE_DB] = [
		'class' => SqlBagOStuff::class,
		'loggroup' => 'SQLBagOStuff',
		'server' => [ 'dbname' => 'wikicache' ] + $apart,
	];
	$wgLocalisationCacheConf['storeServer'] = [ 'dbname' => 'wiki_l10n_cache' ] + $apart;
	$wgJobTypeConf['default'] = [
		'class' => 'JobQueueDB',
		'claimTTL' => 3600,
		'server' => [ 'dbname' => 'wiki_jobqueue' ] + $apart,
	];
} )( [
	'type' => 'sqlite',
	'dbDirectory' => $wgSQLiteDataDir,
	'tablePrefix' => '',
	'variables' => [ 'synchronous' => 'NORMAL' ],
	'trxMode' => 'IMMEDIATE',
	'flags' => 0,
] );
$wgResourceLoaderUseObjectCacheForDeps = true;
$wgMainCacheType = CACHE_DB;
// What browsers keep from before the last move leads to another place, however old this file is.
if ( is_file( "$wgSQLiteDataDir/url" ) ) {
	$wgCacheEpoch = max( $wgCacheEpoch, gmdate( 'YmdHis', filemtime( "$wgSQLiteDataDir/url" ) ) );
}
$wgCacheDirectory = '/srv/data/cache';
$wgJobRunRate = 0;

$wgEnableUploads = true;
$wgMaxUploadSize = 67108864;
$wgUploadDirectory = '/srv/images';
$wgUploadPath = "$wgScriptPath/images";
$wgDeletedDirectory = '/srv/data/deleted';
$wgTmpDirectory = '/tmp';
$wgUseImageMagick = false;
$wgSVGNativeRendering = true;

$wgGroupPermissions['*']['edit'] = false;
$wgGroupPermissions['*']['createaccount'] = false;

$wgEnableEmail = false;
// There is nobody to ask or to tell.
$wgPingback = false;
// MediaWiki tells nobody of its errors unless asked.
$wgHooks['LogException'][] = static function ( $error, $suppressed ) {
	$suppressed || error_log( MWExceptionHandler::getLogMessage( $error ) );
};
// The front compresses.
$wgDisableOutputCompression = true;
// It keeps pages for strangers, too: those of which MediaWiki says so. Of Special:MyPage, with a visitor's address in it,
// and of others that are for one person MediaWiki says nothing.
$wgUseCdn = true;
$wgCdnMaxAge = 10;
MW_ENTRY_POINT === 'cli' || header( 'Cache-Control: private' );

wfLoadSkins( [ 'MinervaNeue', 'MonoBook', 'Timeless', 'Vector' ] );
$wgDefaultSkin = 'vector-2022';

foreach ( preg_split( '/[\s,]+/', 'Cite, ParserFunctions, TemplateData, VisualEditor, WikiEditor', -1, PREG_SPLIT_NO_EMPTY ) as $name ) {
	$own = "/srv/extensions/$name/extension.json";
	wfLoadExtension( $name, is_file( $own ) ? $own : null );
}
foreach ( glob( '/srv/settings/*.php' ) as $file ) {
	require $file;
}
unset( $name, $own, $file );
