# cmake -DIN=page.html -DOUT=page.c -DNAME=gw_docs_page -DHEADER=route/docs_page.h -P embed.cmake
# Writes a text file as a C array: a string literal would be longer than C11 promises to take. Characters, not
# numbers, because char may be signed.
file(READ ${IN} hex HEX)
string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
file(WRITE ${OUT} "#include \"${HEADER}\"\n\nconst char ${NAME}[] = {\n${bytes}0\n};\n"
                  "const size_t ${NAME}_len = sizeof ${NAME} - 1;\n")
