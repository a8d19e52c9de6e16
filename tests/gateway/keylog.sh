#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# --keylog DIR: tshark looks inside IKE of both versions and ESP with nothing but the written files; the directory
# and the files are guarded; the run says what it does.
. "$(dirname "$0")/lib.sh"
hub_and_spoke
# Wireshark 4.0 cannot check an ICV that covers an extended sequence number
sed -i 's/"bind_interface": "st0.0"/&, "proposals": ["aes256gcm16-noesn"]/' "$tmp/spoke.json"

refuse() { # refuse NAME PATTERN: the gateway must end with status 4 and say PATTERN
    local out status
    out=$(timeout 10 ip netns exec "$tag-spoke" "$gateway" -c "$tmp/spoke.json" \
        --control "$tmp/x.sock" --keylog "$tmp/$1" 2>&1)
    status=$?
    [ "$status" -eq 4 ] && grep -q "$2" <<<"$out" || { echo "$status: $out"; return 1; }
}
mkdir -m 0755 "$tmp/open" && mkdir -m 0700 "$tmp/keys" "$tmp/used" "$tmp/theirs"
ln -s "$tmp/keys" "$tmp/link"
: >"$tmp/used/esp_sa"
ln -s /dev/null "$tmp/theirs/esp_sa"
check "a directory others may enter is refused" refuse open "chmod 0700"
check "a symbolic link is refused" refuse link "link: "
check "a missing directory is refused" refuse none "No such file"
check "an existing file is refused" refuse used "File exists"
check "a planted link is refused" refuse theirs "File exists"
chown 1 "$tmp/theirs"
check "a directory of another user is refused" refuse theirs "belongs to user 1"

start hub || { not_ok "the hub starts" "$(cat "$tmp/hub.log")"; finish; }
ip netns exec "$tag-hub" tcpdump --immediate-mode -U -i wan -w "$tmp/wire.pcap" >"$tmp/tcpdump.log" 2>&1 &
dump=$!
pids+=($dump)
wait_for 5 grep -q listening "$tmp/tcpdump.log"
start spoke --keylog "$tmp/keys" || { not_ok "the spoke starts" "$(cat "$tmp/spoke.log")"; finish; }
spoke_pid=$pid
check "the tunnel comes up" wait_for 10 tunnel_up spoke
check "traffic" ping_lan
check "rekey the child SA" ctl spoke rekey hub child
sleep 1
check "traffic on the new pair" ping_lan
check "rekey the IKE SA" ctl spoke rekey hub ike
sleep 1
stop "$spoke_pid"
sleep 0.5
kill "$dump" && wait "$dump" 2>/dev/null

check "the start warns" grep -q "WARNING: --keylog: ALL KEYS" "$tmp/spoke.log"
check "the files are 0600" sh -c "[ \"\$(stat -c %a '$tmp'/keys/* | sort -u)\" = 600 ]"
check "two IKE SAs" test "$(wc -l <"$tmp/keys/ikev2_decryption_table")" -eq 2
check "two pairs, two directions each" test "$(wc -l <"$tmp/keys/esp_sa")" -eq 4

keys=keys
look() { # look PREFERENCE=VALUE... -- ARGUMENTS: tshark with a home of nothing but the folder $keys
    WIRESHARK_CONFIG_DIR="$tmp/$keys" HOME="$tmp" timeout 60 tshark -r "$tmp/wire.pcap" \
        -o esp.enable_encryption_decode:TRUE -o esp.enable_authentication_check:TRUE "$@" 2>"$tmp/tshark.log"
}
count() { look "$@" -T fields -e frame.number | wc -l; }
at_least() { [ "$1" -ge "$2" ] || { echo "$1 < $2: $(head -3 "$tmp/tshark.log")"; return 1; }; }
check "IKE: the identities inside IKE_AUTH are seen" at_least "$(count -Y 'isakmp.exchangetype == 35 && isakmp.id.data.fqdn contains "spoke.example"')" 1
check "IKE: the traffic selectors inside are seen" at_least "$(count -Y 'isakmp.exchangetype == 35 && isakmp.typepayload == 44')" 2
check "IKE: CREATE_CHILD_SA shows its SA payload" at_least "$(count -Y 'isakmp.exchangetype == 36 && isakmp.typepayload == 33')" 4
check "IKE: the rekeyed SA shows its delete" at_least "$(count -Y 'isakmp.exchangetype == 37 && isakmp.typepayload == 42')" 2
check "ESP: both pings are seen inside, both ways" at_least "$(count -Y 'esp && icmp')" 4
check "ESP: their ICVs are good" at_least "$(count -Y 'esp && icmp && esp.icv_good == 1')" 4
check "ESP: no ICV is bad" test "$(count -Y 'esp.icv_bad == 1')" -eq 0

mkdir -m 0700 "$tmp/again"
start spoke --keylog "$tmp/again"
check "show says so" sh -c "'$nhtbctl' --socket '$tmp/spoke.sock' show peers | grep -q 'WARNING: this gateway writes ALL KEYS'"
check "show --json says so" sh -c "'$nhtbctl' --socket '$tmp/spoke.sock' --json show route | grep -q '\"keylog\":true'"
check_not "the hub, without it, does not" sh -c "'$nhtbctl' --socket '$tmp/hub.sock' show peers | grep -q WARNING"
stop "$pid"

# ---- IKEv1: main mode and quick mode, both rekeyed, and their ESP ----
v1() { # v1 NAME: the same entry, as an old peer's
    python3 -c "import json
p='$tmp/$1.json'
c=json.load(open(p))
g=c['gateways'][0]
g.update(ike_version=1, ikev1={'mode': 'main'}, proposals=['aes256-sha256-ecp256'])
g['vpns'][0]['proposals'] = ['aes256-sha256']
json.dump(c, open(p, 'w'))"
}
v1 hub
v1 spoke
check "the hub takes IKEv1" ctl hub reload
mkdir -m 0700 "$tmp/old"
ip netns exec "$tag-hub" tcpdump --immediate-mode -U -i wan -w "$tmp/wire.pcap" >"$tmp/tcpdump.log" 2>&1 &
dump=$!
pids+=($dump)
wait_for 5 grep -q listening "$tmp/tcpdump.log"
start spoke --keylog "$tmp/old" || { not_ok "the spoke starts" "$(cat "$tmp/spoke.log")"; finish; }
check "IKEv1: the tunnel comes up" wait_for 10 tunnel_up spoke
check "IKEv1: traffic" wait_for 5 ping_lan
check "IKEv1: rekey the child SA" ctl spoke rekey hub child
sleep 1
check "IKEv1: traffic on the new pair" ping_lan
check "IKEv1: rekey the ISAKMP SA" ctl spoke rekey hub ike
sleep 3
stop "$pid"
sleep 0.5
kill "$dump" && wait "$dump" 2>/dev/null
check "IKEv1: the files are 0600" sh -c "[ \"\$(stat -c %a '$tmp'/old/* | sort -u)\" = 600 ]"
check "IKEv1: two ISAKMP SAs" test "$(wc -l <"$tmp/old/ikev1_decryption_table")" -eq 2
check "IKEv1: initiator's cookie and key alone" grep -Eqx '[0-9a-f]{16},[0-9a-f]{64}' "$tmp/old/ikev1_decryption_table"
check_not "IKEv1: and nothing for IKEv2" test -s "$tmp/old/ikev2_decryption_table"
check "IKEv1: two pairs, two directions each" test "$(wc -l <"$tmp/old/esp_sa")" -eq 4
keys=old
check "IKEv1: the identities in main mode are seen" at_least "$(count -Y 'isakmp.exchangetype == 2 && isakmp.id.data.fqdn contains "spoke.example"')" 1
check "IKEv1: the SA payloads in quick mode are seen" at_least "$(count -Y 'isakmp.exchangetype == 32 && isakmp.typepayload == 1')" 4
check "IKEv1: and the selectors" at_least "$(count -Y 'isakmp.exchangetype == 32 && isakmp.typepayload == 5')" 4
check "IKEv1: the deletes are seen" at_least "$(count -Y 'isakmp.exchangetype == 5 && isakmp.typepayload == 12')" 1
check "IKEv1: ESP: both pings, both ways" at_least "$(count -Y 'esp && icmp')" 4
check "IKEv1: ESP: their ICVs are good" at_least "$(count -Y 'esp && icmp && esp.icv_good == 1')" 4
check "IKEv1: ESP: no ICV is bad" test "$(count -Y 'esp.icv_bad == 1')" -eq 0
keys=none
mkdir -p "$tmp/none"
check "without the keys there is nothing to see" test "$(count -Y 'isakmp.exchangetype == 32 && isakmp.typepayload == 1')" -eq 0
finish
