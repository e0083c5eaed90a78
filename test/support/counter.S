# A guest in one sector that never stops writing. It counts in memory at 0x500, and writes each number as a whole
# sector to both its disks before it goes on to the next: what is highest on disk is what it has counted to, or one less
# when it was stopped in between. There is room for 4096 numbers: later ones take the places of those 4096 before them.
# Booted again, it goes on after the highest on its second disk. It ends when its power button is pressed.
#
#   as --32 -o counter.o counter.S && ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o counter.bin counter.o
.code16
.globl _start

.set counter, 0x500
.set found, 0x504
.set packet, 0x600
.set sector, 0x8000
.set firstSector, 2048
.set sectors, 0xfff
# The PIIX4's power management (its base as SeaBIOS sets it): status, enable, control.
.set powerStatus, 0x600
.set powerEnable, 0x602
.set powerControl, 0x604
.set powerButton, 0x100
.set softOff, 0x2000

_start:
  xorw %ax, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  movw $0x7000, %sp
  movl $0, counter
  movw $powerEnable, %dx
  movw $powerButton, %ax
  outw %ax, %dx
# Which numbers are there already? The place of 1 says from where on to look. Until that is known the counter is 0.
  movl $1, %eax
  call fetch
  movl %eax, found
seek:
  incl found
  movl found, %eax
  call fetch
  cmpl found, %eax
  je seek
  movl found, %eax
  decl %eax
  movl %eax, counter
next:
  movw $powerStatus, %dx
  inw %dx, %ax
  testw $powerButton, %ax
  jnz off
  movl counter, %eax
  incl %eax
  movl %eax, counter
  movw $sector, %di
  movw $128, %cx
  cld
  rep stosl
  movl counter, %eax
  call place
  movb $0x80, %dl
  movb $0x43, %ah
  call disk
  movb $0x81, %dl
  movb $0x43, %ah
  call disk
  jmp next
# Reads the second disk where the number in eax has its place; what is there, in eax.
fetch:
  call place
  movb $0x81, %dl
  movb $0x42, %ah
  call disk
  movl sector, %eax
  ret
# The number in eax has its place on disk: one sector from there, or to there, through the buffer.
place:
  andl $sectors, %eax
  addl $firstSector, %eax
  movl %eax, packet + 8
  movl $0, packet + 12
  movl $0x00010010, packet
  movl $sector, packet + 4
  ret
disk:
  movw $packet, %si
  xorb %al, %al
  int $0x13
  ret
off:
  movw $powerControl, %dx
  movw $softOff, %ax
  outw %ax, %dx
  hlt
.org 510
.word 0xaa55
