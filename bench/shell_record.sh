#!/usr/bin/env bash
# One recording as a shell script does it: download, sound, words, minutes, row.
# usage: shell_record.sh PLACE LINK; from the environment: BASE ASR_KEY CHAT_KEY SOCKET WORK
set -euo pipefail
place=$1 link=$2
media=$WORK/$place.mp4 sound=$WORK/$place.mp3
curl=(curl -sf --retry 10 --retry-connrefused)

"${curl[@]}" -o "$media" "$link"
ffmpeg -nostdin -y -loglevel error -i "$media" -vn -ac 1 -ar 16000 \
    -c:a libmp3lame -b:a 32k -compression_level 9 "$sound"
text=$("${curl[@]}" -H "Authorization: Bearer $ASR_KEY" -F model=whisper-1 -F language=zh \
    -F response_format=verbose_json -F "file=@$sound" "$BASE/ai/v1/audio/transcriptions" | jq -r .text)
minutes=$(jq -n --arg text "$text" '{model: "kimi-k2.6", max_completion_tokens: 2000,
    thinking: {type: "disabled"}, messages: [{role: "user", content: ("用 JSON 总结：" + $text)}]}' |
    "${curl[@]}" -H "Authorization: Bearer $CHAT_KEY" -H 'Content-Type: application/json' \
        --data-binary @- "$BASE/ai/v1/chat/completions" | jq -r '.choices[0].message.content')
quoted=$(printf %s "$minutes" | sed "s/\\\\/\\\\\\\\/g; s/'/''/g")
mariadb --no-defaults -S "$SOCKET" -u root shell -e \
    "INSERT INTO records VALUES ('$place', '$text', '$quoted')
     ON DUPLICATE KEY UPDATE transcript = VALUES(transcript), summary = VALUES(summary)"
rm -f "$media" "$sound"
