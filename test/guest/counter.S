# A guest in one sector that never stops writing. It counts in memory at 0x500, and writes each number as a whole
# sector to both its disks before it goes on to the next: what is highest on disk is what it has counted to, or one less
# when it was stopped in between. It ends when its power button is pressed.
#
#   as --32 -o counter.o counter.S && ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o counter.bin counter.o
.code16
.globl _start

.set counter, 0x500
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
  movl %eax, counter
  movw $powerEnable, %dx
  movw $powerButton, %ax
  outw %ax, %dx
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
  movl %eax, packet + 8
  andl $sectors, packet + 8
  addl $firstSector, packet + 8
  movl $0, packet + 12
  movl $0x00010010, packet
  movl $sector, packet + 4
  movb $0x80, %dl
  call write
  movb $0x81, %dl
  call write
  jmp next
write:
  movw $packet, %si
  movb $0x43, %ah
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
