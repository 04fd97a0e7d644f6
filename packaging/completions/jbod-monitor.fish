# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_jbod_monitor_global_optspecs
    string join \n redis-url= redis-host= redis-port= redis-db= redis-sentinels= redis-sentinel-master= redis-sentinel-password-file= redis-username= redis-password-file= redis-ca-file= redis-timeout-ms= key-prefix= smart-cache-ttl= smart-poll-interval= smart-timeout= smart-concurrency= smart-concurrency-per-host= smart-nocheck= smart-device-types= exclude= overview-ttl= enclosures-ttl= zfs-ttl= stale-ttl= listen= token-file= allow-anonymous= allowed-host= control-socket= max-connections= workers= rules-file= root= smartctl= zpool= h/help V/version
end

function __fish_jbod_monitor_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_jbod_monitor_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_jbod_monitor_using_subcommand
    set -l cmd (__fish_jbod_monitor_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l redis-url -d 'redis://, rediss:// (TLS), redis+unix:// or redis+sentinel:// URL; overrides host, port, database and sentinels' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l redis-host -d 'Host name or IP address of Redis [default: localhost]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l redis-port -d 'TCP port of Redis [default: 6379]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l redis-db -d 'Redis database number [default: 0]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l redis-sentinels -d 'Addresses of the Redis Sentinels, comma-separated' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l redis-sentinel-master -d 'Name of the master that the sentinels monitor' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l redis-sentinel-password-file -d 'File with the password of the sentinels' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l redis-username -d 'Redis ACL user' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l redis-password-file -d 'File with the Redis password (REDIS_PASSWORD contains the password itself)' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l redis-ca-file -d 'PEM file of CA certificates to trust for TLS instead of the system\'s' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l redis-timeout-ms -d 'Timeout for each of connecting, reading and writing, in milliseconds [default: 250]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l key-prefix -d 'Prefix of every Redis key [default: jbod]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l smart-cache-ttl -d 'TTL of per-drive keys, in seconds [default: 120]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l smart-poll-interval -d 'Polling interval from the start of one sweep to the start of the next, in seconds [default: 90]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l smart-timeout -d 'Timeout of one smartctl run, in seconds; then SIGTERM, SIGKILL 2 s later, abandoned 1 s later [default: 30]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l smart-concurrency -d 'Maximum number of concurrent smartctl runs [default: 16]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l smart-concurrency-per-host -d 'Maximum number of concurrent smartctl runs per SCSI host [default: 8]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l smart-nocheck -d 'Skip drives in this power mode or a deeper one (smartctl -n): idle, standby or sleep; never: skip none [default: standby]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l smart-device-types -d 'Device types for smartctl -d, comma-separated: NAME=TYPE, NAME a kernel name, by-id name or serial number, TYPE sat, scsi, nvme, auto, megaraid,N, sat+megaraid,N or cciss,N' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l exclude -d 'Drives to exclude, comma-separated: a kernel name or by-id name (with * and ?), serial=TEXT, model=PATTERN, transport=sas, sata, nvme, usb, raid, iscsi, fc or virtio' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l overview-ttl -d 'TTL of the overview key, in seconds [default: 60]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l enclosures-ttl -d 'TTL of the enclosures key, in seconds [default: 300]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l zfs-ttl -d 'TTL of the pool map key, in seconds [default: 300]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l stale-ttl -d 'How long a last-known copy may be served as STALE, in seconds [default: 86400]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l listen -d 'Listen address: ADDR:PORT, or unix: and the absolute path of a socket [default: 127.0.0.1:9780]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l token-file -d 'File with the bearer token that is required for every request except those for the page itself' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l allow-anonymous -d 'Allow serving beyond loopback without a token [default: false]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l allowed-host -d 'Additional values to accept in the Host header, comma-separated' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l control-socket -d 'Socket for commands to the running daemon (jbod-monitor forget), or none [default: /run/jbod-monitor/control.sock]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l max-connections -d 'Maximum number of open connections; further ones are answered with 503 and closed [default: 128]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l workers -d 'Number of request workers [default: 4]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l rules-file -d 'TOML file with thresholds for each rule and model, and with bay layouts of enclosures' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l root -d 'Prefix of every sysfs, proc and /dev/disk path that is read [default: /]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l smartctl -d 'Path of smartctl; by default it is searched for in PATH, then in /usr/sbin' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -l zpool -d 'Path of zpool; by default it is searched for in PATH, then in /usr/sbin' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -s h -l help -d 'Print help'
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -s V -l version -d 'Print version'
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -f -a "serve" -d 'Run the daemon (the default)'
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -f -a "scan" -d 'Read every drive once and print the result, without Redis or HTTP'
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -f -a "doctor" -d 'Check the host and the settings, and suggest fixes; exits with 1 if a check fails'
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -f -a "forget" -d 'Make the running daemon forget a missing drive, shelf, IO module or path that was removed for good; exits with 1 if nothing was forgotten'
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -f -a "check-config" -d 'Print every effective setting and its source; exits with 78 if one is invalid'
complete -c jbod-monitor -n "__fish_jbod_monitor_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l redis-url -d 'redis://, rediss:// (TLS), redis+unix:// or redis+sentinel:// URL; overrides host, port, database and sentinels' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l redis-host -d 'Host name or IP address of Redis [default: localhost]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l redis-port -d 'TCP port of Redis [default: 6379]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l redis-db -d 'Redis database number [default: 0]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l redis-sentinels -d 'Addresses of the Redis Sentinels, comma-separated' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l redis-sentinel-master -d 'Name of the master that the sentinels monitor' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l redis-sentinel-password-file -d 'File with the password of the sentinels' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l redis-username -d 'Redis ACL user' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l redis-password-file -d 'File with the Redis password (REDIS_PASSWORD contains the password itself)' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l redis-ca-file -d 'PEM file of CA certificates to trust for TLS instead of the system\'s' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l redis-timeout-ms -d 'Timeout for each of connecting, reading and writing, in milliseconds [default: 250]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l key-prefix -d 'Prefix of every Redis key [default: jbod]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l smart-cache-ttl -d 'TTL of per-drive keys, in seconds [default: 120]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l smart-poll-interval -d 'Polling interval from the start of one sweep to the start of the next, in seconds [default: 90]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l smart-timeout -d 'Timeout of one smartctl run, in seconds; then SIGTERM, SIGKILL 2 s later, abandoned 1 s later [default: 30]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l smart-concurrency -d 'Maximum number of concurrent smartctl runs [default: 16]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l smart-concurrency-per-host -d 'Maximum number of concurrent smartctl runs per SCSI host [default: 8]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l smart-nocheck -d 'Skip drives in this power mode or a deeper one (smartctl -n): idle, standby or sleep; never: skip none [default: standby]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l smart-device-types -d 'Device types for smartctl -d, comma-separated: NAME=TYPE, NAME a kernel name, by-id name or serial number, TYPE sat, scsi, nvme, auto, megaraid,N, sat+megaraid,N or cciss,N' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l exclude -d 'Drives to exclude, comma-separated: a kernel name or by-id name (with * and ?), serial=TEXT, model=PATTERN, transport=sas, sata, nvme, usb, raid, iscsi, fc or virtio' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l overview-ttl -d 'TTL of the overview key, in seconds [default: 60]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l enclosures-ttl -d 'TTL of the enclosures key, in seconds [default: 300]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l zfs-ttl -d 'TTL of the pool map key, in seconds [default: 300]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l stale-ttl -d 'How long a last-known copy may be served as STALE, in seconds [default: 86400]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l listen -d 'Listen address: ADDR:PORT, or unix: and the absolute path of a socket [default: 127.0.0.1:9780]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l token-file -d 'File with the bearer token that is required for every request except those for the page itself' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l allow-anonymous -d 'Allow serving beyond loopback without a token [default: false]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l allowed-host -d 'Additional values to accept in the Host header, comma-separated' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l control-socket -d 'Socket for commands to the running daemon (jbod-monitor forget), or none [default: /run/jbod-monitor/control.sock]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l max-connections -d 'Maximum number of open connections; further ones are answered with 503 and closed [default: 128]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l workers -d 'Number of request workers [default: 4]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l rules-file -d 'TOML file with thresholds for each rule and model, and with bay layouts of enclosures' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l root -d 'Prefix of every sysfs, proc and /dev/disk path that is read [default: /]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l smartctl -d 'Path of smartctl; by default it is searched for in PATH, then in /usr/sbin' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -l zpool -d 'Path of zpool; by default it is searched for in PATH, then in /usr/sbin' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand serve" -s h -l help -d 'Print help'
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l sort -d 'Order of the drives' -r -f -a "bay\t'By enclosure and bay, then drives that are not in a bay'
worst\t'One list: worst verdicts first, within a verdict unresponsive drives first'"
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l color -d 'When to colour verdicts' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or TERM is dumb'
always\t''
never\t''"
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l redis-url -d 'redis://, rediss:// (TLS), redis+unix:// or redis+sentinel:// URL; overrides host, port, database and sentinels' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l redis-host -d 'Host name or IP address of Redis [default: localhost]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l redis-port -d 'TCP port of Redis [default: 6379]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l redis-db -d 'Redis database number [default: 0]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l redis-sentinels -d 'Addresses of the Redis Sentinels, comma-separated' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l redis-sentinel-master -d 'Name of the master that the sentinels monitor' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l redis-sentinel-password-file -d 'File with the password of the sentinels' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l redis-username -d 'Redis ACL user' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l redis-password-file -d 'File with the Redis password (REDIS_PASSWORD contains the password itself)' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l redis-ca-file -d 'PEM file of CA certificates to trust for TLS instead of the system\'s' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l redis-timeout-ms -d 'Timeout for each of connecting, reading and writing, in milliseconds [default: 250]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l key-prefix -d 'Prefix of every Redis key [default: jbod]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l smart-cache-ttl -d 'TTL of per-drive keys, in seconds [default: 120]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l smart-poll-interval -d 'Polling interval from the start of one sweep to the start of the next, in seconds [default: 90]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l smart-timeout -d 'Timeout of one smartctl run, in seconds; then SIGTERM, SIGKILL 2 s later, abandoned 1 s later [default: 30]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l smart-concurrency -d 'Maximum number of concurrent smartctl runs [default: 16]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l smart-concurrency-per-host -d 'Maximum number of concurrent smartctl runs per SCSI host [default: 8]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l smart-nocheck -d 'Skip drives in this power mode or a deeper one (smartctl -n): idle, standby or sleep; never: skip none [default: standby]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l smart-device-types -d 'Device types for smartctl -d, comma-separated: NAME=TYPE, NAME a kernel name, by-id name or serial number, TYPE sat, scsi, nvme, auto, megaraid,N, sat+megaraid,N or cciss,N' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l exclude -d 'Drives to exclude, comma-separated: a kernel name or by-id name (with * and ?), serial=TEXT, model=PATTERN, transport=sas, sata, nvme, usb, raid, iscsi, fc or virtio' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l overview-ttl -d 'TTL of the overview key, in seconds [default: 60]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l enclosures-ttl -d 'TTL of the enclosures key, in seconds [default: 300]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l zfs-ttl -d 'TTL of the pool map key, in seconds [default: 300]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l stale-ttl -d 'How long a last-known copy may be served as STALE, in seconds [default: 86400]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l listen -d 'Listen address: ADDR:PORT, or unix: and the absolute path of a socket [default: 127.0.0.1:9780]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l token-file -d 'File with the bearer token that is required for every request except those for the page itself' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l allow-anonymous -d 'Allow serving beyond loopback without a token [default: false]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l allowed-host -d 'Additional values to accept in the Host header, comma-separated' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l control-socket -d 'Socket for commands to the running daemon (jbod-monitor forget), or none [default: /run/jbod-monitor/control.sock]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l max-connections -d 'Maximum number of open connections; further ones are answered with 503 and closed [default: 128]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l workers -d 'Number of request workers [default: 4]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l rules-file -d 'TOML file with thresholds for each rule and model, and with bay layouts of enclosures' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l root -d 'Prefix of every sysfs, proc and /dev/disk path that is read [default: /]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l smartctl -d 'Path of smartctl; by default it is searched for in PATH, then in /usr/sbin' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l zpool -d 'Path of zpool; by default it is searched for in PATH, then in /usr/sbin' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -l json -d 'Print the overview as JSON'
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand scan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l color -d 'When to colour findings' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set or TERM is dumb'
always\t''
never\t''"
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l redis-url -d 'redis://, rediss:// (TLS), redis+unix:// or redis+sentinel:// URL; overrides host, port, database and sentinels' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l redis-host -d 'Host name or IP address of Redis [default: localhost]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l redis-port -d 'TCP port of Redis [default: 6379]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l redis-db -d 'Redis database number [default: 0]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l redis-sentinels -d 'Addresses of the Redis Sentinels, comma-separated' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l redis-sentinel-master -d 'Name of the master that the sentinels monitor' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l redis-sentinel-password-file -d 'File with the password of the sentinels' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l redis-username -d 'Redis ACL user' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l redis-password-file -d 'File with the Redis password (REDIS_PASSWORD contains the password itself)' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l redis-ca-file -d 'PEM file of CA certificates to trust for TLS instead of the system\'s' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l redis-timeout-ms -d 'Timeout for each of connecting, reading and writing, in milliseconds [default: 250]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l key-prefix -d 'Prefix of every Redis key [default: jbod]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l smart-cache-ttl -d 'TTL of per-drive keys, in seconds [default: 120]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l smart-poll-interval -d 'Polling interval from the start of one sweep to the start of the next, in seconds [default: 90]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l smart-timeout -d 'Timeout of one smartctl run, in seconds; then SIGTERM, SIGKILL 2 s later, abandoned 1 s later [default: 30]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l smart-concurrency -d 'Maximum number of concurrent smartctl runs [default: 16]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l smart-concurrency-per-host -d 'Maximum number of concurrent smartctl runs per SCSI host [default: 8]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l smart-nocheck -d 'Skip drives in this power mode or a deeper one (smartctl -n): idle, standby or sleep; never: skip none [default: standby]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l smart-device-types -d 'Device types for smartctl -d, comma-separated: NAME=TYPE, NAME a kernel name, by-id name or serial number, TYPE sat, scsi, nvme, auto, megaraid,N, sat+megaraid,N or cciss,N' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l exclude -d 'Drives to exclude, comma-separated: a kernel name or by-id name (with * and ?), serial=TEXT, model=PATTERN, transport=sas, sata, nvme, usb, raid, iscsi, fc or virtio' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l overview-ttl -d 'TTL of the overview key, in seconds [default: 60]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l enclosures-ttl -d 'TTL of the enclosures key, in seconds [default: 300]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l zfs-ttl -d 'TTL of the pool map key, in seconds [default: 300]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l stale-ttl -d 'How long a last-known copy may be served as STALE, in seconds [default: 86400]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l listen -d 'Listen address: ADDR:PORT, or unix: and the absolute path of a socket [default: 127.0.0.1:9780]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l token-file -d 'File with the bearer token that is required for every request except those for the page itself' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l allow-anonymous -d 'Allow serving beyond loopback without a token [default: false]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l allowed-host -d 'Additional values to accept in the Host header, comma-separated' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l control-socket -d 'Socket for commands to the running daemon (jbod-monitor forget), or none [default: /run/jbod-monitor/control.sock]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l max-connections -d 'Maximum number of open connections; further ones are answered with 503 and closed [default: 128]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l workers -d 'Number of request workers [default: 4]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l rules-file -d 'TOML file with thresholds for each rule and model, and with bay layouts of enclosures' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l root -d 'Prefix of every sysfs, proc and /dev/disk path that is read [default: /]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l smartctl -d 'Path of smartctl; by default it is searched for in PATH, then in /usr/sbin' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l zpool -d 'Path of zpool; by default it is searched for in PATH, then in /usr/sbin' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -l json -d 'Print the findings as JSON'
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l redis-url -d 'redis://, rediss:// (TLS), redis+unix:// or redis+sentinel:// URL; overrides host, port, database and sentinels' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l redis-host -d 'Host name or IP address of Redis [default: localhost]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l redis-port -d 'TCP port of Redis [default: 6379]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l redis-db -d 'Redis database number [default: 0]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l redis-sentinels -d 'Addresses of the Redis Sentinels, comma-separated' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l redis-sentinel-master -d 'Name of the master that the sentinels monitor' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l redis-sentinel-password-file -d 'File with the password of the sentinels' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l redis-username -d 'Redis ACL user' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l redis-password-file -d 'File with the Redis password (REDIS_PASSWORD contains the password itself)' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l redis-ca-file -d 'PEM file of CA certificates to trust for TLS instead of the system\'s' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l redis-timeout-ms -d 'Timeout for each of connecting, reading and writing, in milliseconds [default: 250]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l key-prefix -d 'Prefix of every Redis key [default: jbod]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l smart-cache-ttl -d 'TTL of per-drive keys, in seconds [default: 120]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l smart-poll-interval -d 'Polling interval from the start of one sweep to the start of the next, in seconds [default: 90]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l smart-timeout -d 'Timeout of one smartctl run, in seconds; then SIGTERM, SIGKILL 2 s later, abandoned 1 s later [default: 30]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l smart-concurrency -d 'Maximum number of concurrent smartctl runs [default: 16]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l smart-concurrency-per-host -d 'Maximum number of concurrent smartctl runs per SCSI host [default: 8]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l smart-nocheck -d 'Skip drives in this power mode or a deeper one (smartctl -n): idle, standby or sleep; never: skip none [default: standby]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l smart-device-types -d 'Device types for smartctl -d, comma-separated: NAME=TYPE, NAME a kernel name, by-id name or serial number, TYPE sat, scsi, nvme, auto, megaraid,N, sat+megaraid,N or cciss,N' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l exclude -d 'Drives to exclude, comma-separated: a kernel name or by-id name (with * and ?), serial=TEXT, model=PATTERN, transport=sas, sata, nvme, usb, raid, iscsi, fc or virtio' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l overview-ttl -d 'TTL of the overview key, in seconds [default: 60]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l enclosures-ttl -d 'TTL of the enclosures key, in seconds [default: 300]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l zfs-ttl -d 'TTL of the pool map key, in seconds [default: 300]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l stale-ttl -d 'How long a last-known copy may be served as STALE, in seconds [default: 86400]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l listen -d 'Listen address: ADDR:PORT, or unix: and the absolute path of a socket [default: 127.0.0.1:9780]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l token-file -d 'File with the bearer token that is required for every request except those for the page itself' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l allow-anonymous -d 'Allow serving beyond loopback without a token [default: false]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l allowed-host -d 'Additional values to accept in the Host header, comma-separated' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l control-socket -d 'Socket for commands to the running daemon (jbod-monitor forget), or none [default: /run/jbod-monitor/control.sock]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l max-connections -d 'Maximum number of open connections; further ones are answered with 503 and closed [default: 128]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l workers -d 'Number of request workers [default: 4]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l rules-file -d 'TOML file with thresholds for each rule and model, and with bay layouts of enclosures' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l root -d 'Prefix of every sysfs, proc and /dev/disk path that is read [default: /]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l smartctl -d 'Path of smartctl; by default it is searched for in PATH, then in /usr/sbin' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -l zpool -d 'Path of zpool; by default it is searched for in PATH, then in /usr/sbin' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand forget" -s h -l help -d 'Print help'
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l redis-url -d 'redis://, rediss:// (TLS), redis+unix:// or redis+sentinel:// URL; overrides host, port, database and sentinels' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l redis-host -d 'Host name or IP address of Redis [default: localhost]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l redis-port -d 'TCP port of Redis [default: 6379]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l redis-db -d 'Redis database number [default: 0]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l redis-sentinels -d 'Addresses of the Redis Sentinels, comma-separated' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l redis-sentinel-master -d 'Name of the master that the sentinels monitor' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l redis-sentinel-password-file -d 'File with the password of the sentinels' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l redis-username -d 'Redis ACL user' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l redis-password-file -d 'File with the Redis password (REDIS_PASSWORD contains the password itself)' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l redis-ca-file -d 'PEM file of CA certificates to trust for TLS instead of the system\'s' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l redis-timeout-ms -d 'Timeout for each of connecting, reading and writing, in milliseconds [default: 250]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l key-prefix -d 'Prefix of every Redis key [default: jbod]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l smart-cache-ttl -d 'TTL of per-drive keys, in seconds [default: 120]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l smart-poll-interval -d 'Polling interval from the start of one sweep to the start of the next, in seconds [default: 90]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l smart-timeout -d 'Timeout of one smartctl run, in seconds; then SIGTERM, SIGKILL 2 s later, abandoned 1 s later [default: 30]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l smart-concurrency -d 'Maximum number of concurrent smartctl runs [default: 16]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l smart-concurrency-per-host -d 'Maximum number of concurrent smartctl runs per SCSI host [default: 8]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l smart-nocheck -d 'Skip drives in this power mode or a deeper one (smartctl -n): idle, standby or sleep; never: skip none [default: standby]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l smart-device-types -d 'Device types for smartctl -d, comma-separated: NAME=TYPE, NAME a kernel name, by-id name or serial number, TYPE sat, scsi, nvme, auto, megaraid,N, sat+megaraid,N or cciss,N' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l exclude -d 'Drives to exclude, comma-separated: a kernel name or by-id name (with * and ?), serial=TEXT, model=PATTERN, transport=sas, sata, nvme, usb, raid, iscsi, fc or virtio' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l overview-ttl -d 'TTL of the overview key, in seconds [default: 60]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l enclosures-ttl -d 'TTL of the enclosures key, in seconds [default: 300]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l zfs-ttl -d 'TTL of the pool map key, in seconds [default: 300]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l stale-ttl -d 'How long a last-known copy may be served as STALE, in seconds [default: 86400]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l listen -d 'Listen address: ADDR:PORT, or unix: and the absolute path of a socket [default: 127.0.0.1:9780]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l token-file -d 'File with the bearer token that is required for every request except those for the page itself' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l allow-anonymous -d 'Allow serving beyond loopback without a token [default: false]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l allowed-host -d 'Additional values to accept in the Host header, comma-separated' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l control-socket -d 'Socket for commands to the running daemon (jbod-monitor forget), or none [default: /run/jbod-monitor/control.sock]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l max-connections -d 'Maximum number of open connections; further ones are answered with 503 and closed [default: 128]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l workers -d 'Number of request workers [default: 4]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l rules-file -d 'TOML file with thresholds for each rule and model, and with bay layouts of enclosures' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l root -d 'Prefix of every sysfs, proc and /dev/disk path that is read [default: /]' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l smartctl -d 'Path of smartctl; by default it is searched for in PATH, then in /usr/sbin' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -l zpool -d 'Path of zpool; by default it is searched for in PATH, then in /usr/sbin' -r
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand check-config" -s h -l help -d 'Print help'
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand help; and not __fish_seen_subcommand_from serve scan doctor forget check-config help" -f -a "serve" -d 'Run the daemon (the default)'
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand help; and not __fish_seen_subcommand_from serve scan doctor forget check-config help" -f -a "scan" -d 'Read every drive once and print the result, without Redis or HTTP'
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand help; and not __fish_seen_subcommand_from serve scan doctor forget check-config help" -f -a "doctor" -d 'Check the host and the settings, and suggest fixes; exits with 1 if a check fails'
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand help; and not __fish_seen_subcommand_from serve scan doctor forget check-config help" -f -a "forget" -d 'Make the running daemon forget a missing drive, shelf, IO module or path that was removed for good; exits with 1 if nothing was forgotten'
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand help; and not __fish_seen_subcommand_from serve scan doctor forget check-config help" -f -a "check-config" -d 'Print every effective setting and its source; exits with 78 if one is invalid'
complete -c jbod-monitor -n "__fish_jbod_monitor_using_subcommand help; and not __fish_seen_subcommand_from serve scan doctor forget check-config help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
