#!/usr/bin/php
<?php
/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A Linux stand-in for pfSense's developer shell: reads lines, executes them at "exec", ends at "exit", and writes prompts among its output, as
 * pfSsh.php does. What it does not do: it knows no other command and no playback file; config_restore() keeps the file as it came and only notes a
 * revision, where pfSense writes it anew from its arrays; the functions that make the router follow are noted in /conf/calls and do nothing, but for
 * the filter: a rule of ours that blocks everything on "lan" takes the link lan0 down, and without it the link is up. What is in /conf/mood
 * decides how it behaves: "refuse" throws, "die" ends without an answer, "forget" says yes and changes nothing, "slow" takes its time, "wait" goes on when there is /conf/go,
 * "meddle" finds the configuration changed under its hands.
 */
$mood = trim((string)@file_get_contents('/conf/mood'));
function note($what) { file_put_contents('/conf/calls', $what . "\n", FILE_APPEND); }

function config_restore($path, $descr)
{
	global $mood;
	note("config_restore $descr");
	if ($mood === 'refuse')
		throw new Exception('the configuration is not to its taste');
	if ($mood === 'die')
		exit(255);
	if ($mood === 'slow')
		sleep(14);
	while ($mood === 'wait' && !file_exists('/conf/go'))
		usleep(50000);
	if ($mood === 'forget')
		return true;
	$text = file_get_contents($path);
	$revision = "<revision>\n\t\t<time>" . time() . "</time>\n\t\t<description><![CDATA[(system): Reverted to &quot;$descr&quot;]]></description>\n\t\t<username><![CDATA[(system)]]></username>\n\t</revision>";
	$text = preg_replace_callback('#<revision>.*</revision>#s', fn() => $revision, $text);
	file_put_contents('/conf/config.xml.new', $text);
	rename('/conf/config.xml.new', '/conf/config.xml');
	return true;
}

function filter_configure_sync()
{
	$cut = preg_match('#<rule>(?:(?!</rule>).)*<type>block</type>\s*<interface>lan</interface>(?:(?!</rule>).)*fabricnet:#s', file_get_contents('/conf/config.xml'));
	note('filter_configure_sync' . ($cut ? ' cut' : ''));
	exec('ip link set lan0 ' . ($cut ? 'down' : 'up'));
}

foreach (['interface_bring_down', 'interface_configure', 'route_del', 'system_routing_configure', 'setup_gateways_monitor', 'services_unbound_configure',
    'system_resolvconf_generate', 'wg_tunnel_sync', 'tailscale_resync_config_hook', 'tailscale_auth_resync_config_hook'] as $name)
	eval("function $name(...\$words) { note(trim('$name ' . implode(' ', array_filter(\$words, 'is_string')))); }");

/* What a package's file would be is above already. */
$folder = sys_get_temp_dir() . '/standin-' . getmypid();
foreach (['wireguard/includes/wg.inc', 'tailscale/tailscale.inc', 'tailscale/tailscale_auth.inc'] as $file) {
	@mkdir(dirname("$folder/$file"), 0700, true);
	touch("$folder/$file");
}
set_include_path($folder);
register_shutdown_function(fn() => exec('rm -rf ' . escapeshellarg($folder)));

$buffer = '';
echo "pfSense shell: ";
while (($line = fgets(STDIN)) !== false) {
	$line = rtrim($line, "\n");
	if ($line === 'exit')
		exit(0);
	if ($line === 'exec') {
		if ($mood === 'meddle')
			file_put_contents('/conf/config.xml', str_replace('home.arpa', 'moved.arpa', file_get_contents('/conf/config.xml')));
		eval($buffer);
		$buffer = '';
	} elseif ($line !== '' && ($line[0] === '!' || $line[0] === '=')) {
		exit(1);
	} else {
		$buffer .= $line . "\n";
	}
	echo "pfSense shell: ";
}
